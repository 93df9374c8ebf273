# SPDX-License-Identifier: GPL-2.0-only
# sysrq during a transition, and forced transitions: patched functions work, and code that a task may run stays loaded.
# Limit: 600 s
# Pins: held_first klp_held

. /klp/vm/lib.sh
. /klp/vm/hostile.sh

sysrq() {
	check "sysrq $1" bash -c "echo $1 >/proc/sysrq-trigger"
	goes_on "after sysrq $1"
}

begin
hostile vfork || must "a task sleeps uninterruptibly" false
# Shows tasks with their stacks, memory, CPUs and timers; then f kills the task with the highest OOM score.
for key in t m l q; do
	sysrq $key
done
sleep 1000 &
victim=$!
echo 1000 >/proc/$victim/oom_score_adj
sysrq f
wait $victim
expect_eq "the kernel killed the victim" 137 $?

check "force the transition" bash -c "echo 1 >$patch/force"
must "the transition ends at once" wait_until settled flaw-lookup
expect_eq "the patch has effect" patch "$(echo N >$waiting && cat /sys/kernel/klp_flaws/waiting)"
wait $reader
expect_eq "the task returned from the old function" module "$(cat /tmp/waited)"
check "the patch can be disabled" disable flaw-lookup
expect_eq "the disabled patch has no effect" module "$(cat /sys/kernel/klp_flaws/waiting)"
# Tasks that had not switched were in the old function, which is not in the patch's module.
check "its module can be unloaded" unload flaw-lookup

held=/proc/klp_held
must "load another module" load klp_held
must "load its patch" load held-first
cat $held >/tmp/held &
reader=$!
in_replacement() {
	grep -q '^State:.*D (' /proc/$reader/status && grep -q klp_held_ /proc/$reader/stack
}
must "a task sleeps in the replacement" wait_until in_replacement
check "disable the patch" bash -c "echo 0 >$LIVEPATCH/held_first/enabled"
expect_eq "the transition goes on" 1 "$(cat $LIVEPATCH/held_first/transition)"
check "force the transition of the held patch" bash -c "echo 1 >$LIVEPATCH/held_first/force"
check "the patch is gone at once" wait_until [ ! -e $LIVEPATCH/held_first ]
check "its module stays pinned" [ "$(cat /sys/module/held_first/refcnt)" -gt 0 ]
check "its module cannot be unloaded" bash -c "! rmmod held_first"
echo >$held
wait $reader
expect_eq "the task returned from the replacement" first "$(cat /tmp/held)"
cat $held >/tmp/held &
reader=$!
wait_until in_replacement
echo >$held
wait $reader
expect_eq "the next call is of the original" original "$(cat /tmp/held)"
must "load another patch" load livepatch-sample
must "remove the other patch" remove_patch livepatch-sample
kill -9 "${hostiles[@]}"
wait
must "unload the patched module" unload klp_flaws
rm -f /tmp/waited /tmp/held /tmp/hostile.*
