# SPDX-License-Identifier: GPL-2.0-only
# A task that sleeps in a helper that a replacement has jumped to counts as running in the patch: replacing the patch
# does not free the helper meanwhile.

. /klp/vm/lib.sh

must "load the module" load klp_entries
must "load the patch" load flaw-helper
cat /sys/kernel/klp_entries/function >/tmp/function &
reader=$!
is_asleep() { grep -q '^State:.*D (' /proc/$reader/status; }
must "a reader sleeps in the helper" wait_until is_asleep
must "load a patch that replaces it" load entries-only
must "the patch is gone" wait_until patch_gone flaw-helper
must "unload the patch" unload flaw-helper
wait $reader
expect_eq "the reader returned from the helper" helper "$(cat /tmp/function)"
rm /tmp/function
must "remove the other patch" remove_patch entries-only
must "unload the module" unload klp_entries
