# SPDX-License-Identifier: GPL-2.0-only
# A task that sleeps in a helper that a replacement has jumped to counts as running in the patch: disabling the patch
# does not free the helper meanwhile.

. /klp/vm/lib.sh

must "load the module" load klp_entries
must "load the patch" load flaw-helper
cat /sys/kernel/klp_entries/function >/tmp/function &
reader=$!
is_asleep() { grep -q '^State:.*D (' /proc/$reader/status; }
must "a reader sleeps in the helper" wait_until is_asleep
disable_it() {
	echo 0 >$LIVEPATCH/flaw_helper/enabled
	wait_until patch_gone flaw-helper
}
must "disable the patch" disable_it
must "unload the patch" unload flaw-helper
wait $reader
expect_eq "the reader returned from the helper" helper "$(cat /tmp/function)"
rm /tmp/function
must "unload the module" unload klp_entries
