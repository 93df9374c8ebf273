# SPDX-License-Identifier: GPL-2.0-only
# A task that sleeps interruptibly in a patched function is left to itself, for 15 seconds.

. /klp/vm/lib.sh

patch=$LIVEPATCH/interruptible
knob=/sys/module/livepatch/parameters/signal_after_ms

is_sleeping() {
	grep -q '^State:.*S (' "/proc/$1/status"
}

# read_while_disabling - a reader sleeps in the replacement while the patch is disabled.
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

# Who wants it to end sooner can say so, where there is klp-core.
if [ -e $knob ]; then
	expect_eq "by default it is as with the C core" 15000 "$(cat $knob)"
	echo 10 >$knob
	mark_log
	read_while_disabling
	expect_eq "the reader was interrupted" interrupted "$(cat /tmp/version)"
	check "the transition ended sooner ($took ms)" test $took -lt 1500
	expect_match "the log says so" "^livepatch: signaling remaining tasks" "$(log_since)"
	echo 15000 >$knob
fi
rm -f /tmp/version
