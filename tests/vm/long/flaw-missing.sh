# SPDX-License-Identifier: GPL-2.0-only
# A module that is refused because it lacks a symbol of the patch is refused for the same reason the next
# time: the patch's other relocations were cleared.

. /klp/vm/lib.sh

must "load the patch" load missing-late
for round in first second; do
	mark_log
	expect_match "the module is refused, $round" . "$(load_fails klp_vault)"
	expect_match "for the missing symbol, $round" \
		"^livepatch: symbol 'klp_test_no_such_variable' not found" "$(log_since)"
done
must "remove the patch" remove_patch missing-late
