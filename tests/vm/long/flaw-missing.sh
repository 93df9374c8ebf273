# SPDX-License-Identifier: GPL-2.0-only
# A module that is refused because the patch lacks one of its symbols is refused for the same reason
# the next time: nothing of the patch's other relocations has stayed.

. /klp/vm/lib.sh

must "load the patch" load missing-late
for round in first second; do
	mark_log
	expect_match "the module is refused, $round" . "$(load_fails klp_vault)"
	expect_match "for the missing symbol, $round" \
		"^livepatch: symbol 'klp_test_no_such_variable' not found" "$(log_since)"
done
must "remove the patch" remove_patch missing-late
