# SPDX-License-Identifier: GPL-2.0-only
# A task that sleeps interruptibly in a patched function is not signalled for 15 seconds.

. /klp/vm/lib.sh

patch=$LIVEPATCH/interruptible
knob=$(core_parameter signal_after_ms)

is_sleeping() {
	grep -q '^State:.*S (' "/proc/$1/status"
}

# read_while_disabling - disables the patch while a reader sleeps in the replacement.
read_while_disabling() {
	must "load" load interruptible
	cat /proc/version >/tmp/version &
	reader=$!
	must "a reader sleeps in the replacement" wait_until is_sleeping $reader
	sleep 0.5
	start=${EPOCHREALTIME//./}
	echo 0 >$patch/enabled
	must "the transition ends" wait_until patch_gone interruptible
	took=$(((${EPOCHREALTIME//./} - start) / 1000))
	wait $reader
	must "unload" unload interruptible
}

read_while_disabling
expect_eq "the reader was not interrupted" slept "$(cat /tmp/version)"
check "the transition waited for it ($took ms)" test $took -ge 1500

# With klp-core, a parameter sets the time.
if [ -e $knob ]; then
	expect_eq "the default is that of the C core" 15000 "$(cat $knob)"
	echo 10 >$knob
	mark_log
	read_while_disabling
	expect_eq "the reader was interrupted" interrupted "$(cat /tmp/version)"
	check "the transition ended sooner ($took ms)" test $took -lt 1500
	expect_match "the log has the signal" "^livepatch: signaling remaining tasks" "$(log_since)"
	echo 15000 >$knob
fi

# A deadline reverses the transition, and the log names the blocking task.
deadline=$(core_parameter deadline_ms)
if [ -e $deadline ]; then
	expect_eq "there is no deadline by default" 0 "$(cat $deadline)"
	echo 500 >$deadline
	must "load" load interruptible
	cat /proc/version >/tmp/version &
	reader=$!
	must "a reader sleeps in the replacement" wait_until is_sleeping $reader
	sleep 0.2
	mark_log
	echo 0 >$patch/enabled
	must "the patch is enabled again" wait_until settled interruptible
	expect_match "the log has the reversal" \
		"^livepatch: 'interruptible': unpatching has not ended within 500 ms, reversing it" "$(log_since)"
	expect_match "the log names the blocking task" \
		"^livepatch: cat:$reader is sleeping on function version_proc_show" "$(log_since)"
	echo 0 >$deadline
	wait $reader
	expect_eq "the reader was not interrupted" slept "$(cat /tmp/version)"
	must "remove the patch" remove_patch interruptible
fi
rm -f /tmp/version
