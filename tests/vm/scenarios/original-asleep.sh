# SPDX-License-Identifier: GPL-2.0-only
# A task that sleeps in the original blocks the patch that called it until it has returned, and no
# longer.

. /klp/vm/lib.sh

patch=$LIVEPATCH/originals

# is_sleeping PID - whether the task sleeps in the original.
is_sleeping() {
	grep -q '^State:.*[SD] (' "/proc/$1/status" && grep -q originals_sleep "/proc/$1/stack"
}

# asleep Y|N - whether readers of the file sleep in the original. With N, sleeping readers return.
asleep() {
	echo "$1" >/sys/module/klp_originals/parameters/asleep
}

must "load the module" load klp_originals
asleep Y
must "load the patch" load originals
cat /proc/klp_originals_sleep >/tmp/slept &
reader=$!
must "a reader sleeps in the original" wait_until is_sleeping $reader
# From the innermost frame out: what the kernel's reliable stack trace has to contain.
expect_match "its stack shows the original, called by the replacement" \
	'originals_sleep.*\|[^|]*originals5sleep.*\|[^|]*sleep_show' \
	"$(paste -sd '|' "/proc/$reader/stack")"
echo 0 >"$patch/enabled"
sleep 1.5
expect_eq "the transition waits for it" 1 "$(cat "$patch/transition")"
check "the patch cannot be unloaded" bash -c '! rmmod originals 2>/dev/null'
expect_eq "it is this reader who has not switched" 1 "$(cat "/proc/$reader/patch_state")"
# Only klp-core lists blockers.
blockers=/sys/kernel/debug/livepatch/originals/blockers
if [ -e $blockers ]; then
	expect_match "the blockers are this reader" "^$reader cat sleeping in function " \
		"$(cat $blockers)"
fi
asleep N
wait $reader
expect_eq "the reader got the replacement's answer" "slept 201" "$(cat /tmp/slept)"
must "then the transition ends" wait_until patch_gone originals
must "unload" unload originals

# The stack of such a task can be walked reliably, so it does not block other transitions.
must "load the patch again" load originals
asleep Y
cat /proc/klp_originals_sleep >/tmp/slept &
reader=$!
must "a reader sleeps in the original again" wait_until is_sleeping $reader
must "a patch of another function applies meanwhile" load livepatch-sample
check "the reader still sleeps" wait_until is_sleeping $reader
asleep N
wait $reader
must "remove that patch" remove_patch livepatch-sample
must "remove the first patch" remove_patch originals

# The other direction: a task was in the function before the patch was loaded.
asleep Y
cat /proc/klp_originals_sleep >/tmp/slept &
reader=$!
must "a reader sleeps in the function, unpatched" wait_until is_sleeping $reader
insmod "$(module_file originals)"
sleep 1.5
expect_eq "patching waits for it" 1 "$(cat "$patch/transition")"
asleep N
wait $reader
expect_eq "the reader got the function's answer" "slept 200" "$(cat /tmp/slept)"
must "then the patch applies" wait_until settled originals
must "remove it" remove_patch originals
must "unload the module" unload klp_originals
rm -f /tmp/slept
