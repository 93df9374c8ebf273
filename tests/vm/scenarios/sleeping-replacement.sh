# SPDX-License-Identifier: GPL-2.0-only
# A task that sleeps in a replacement's tail call blocks the patch until it has returned.

. /klp/vm/lib.sh

patch=$LIVEPATCH/sleeping_replacement

is_sleeping() {
	grep -q msleep "/proc/$1/stack" "/proc/$1/wchan" 2>/dev/null ||
		grep -q '^State:.*[SD] (' "/proc/$1/status"
}

must "load" load sleeping-replacement
sleepers_sleep
cat /proc/version >/tmp/version &
reader=$!
must "a reader sleeps in the replacement" wait_until is_sleeping $reader
sleep 0.5
echo 0 >"$patch/enabled"
sleep 2
expect_eq "the transition waits for it" 1 "$(cat "$patch/transition")"
check "the patch cannot be unloaded" bash -c '! rmmod sleeping_replacement 2>/dev/null'
expect_eq "it is this reader who has not switched" 1 "$(cat "/proc/$reader/patch_state")"
# Only klp-core lists blockers.
blockers=/sys/kernel/debug/livepatch/sleeping_replacement/blockers
if [ -e $blockers ]; then
	expect_eq "the blockers are this reader, and why" \
		"$reader cat sleeping in function version_proc_show" "$(cat $blockers)"
fi
wake_sleepers
wait $reader
expect_eq "the reader got its answer" slept "$(cat /tmp/version)"
must "then the transition ends" wait_until patch_gone sleeping-replacement
check "nothing is left in debugfs" \
	test ! -e /sys/kernel/debug/livepatch/sleeping_replacement
must "unload" unload sleeping-replacement
rm -f /tmp/version
