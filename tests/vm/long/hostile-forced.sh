# SPDX-License-Identifier: GPL-2.0-only
# sysrq during a transition, and a transition that is forced: what is patched works, and the patch's code stays.
# Limit: 600 s
# Pins: flaw_lookup

. /klp/vm/lib.sh
. /klp/vm/hostile.sh

sysrq() {
	check "sysrq $1" bash -c "echo $1 >/proc/sysrq-trigger"
	goes_on "after sysrq $1"
}

begin
hostile vfork || must "a task sleeps uninterruptibly" false
# The tasks with their stacks, the memory, the CPUs, the timers, and whoever the kernel kills first without memory.
for key in t m l q; do
	sysrq $key
done
sleep 1000 &
victim=$!
echo 1000 >/proc/$victim/oom_score_adj
sysrq f
wait $victim
expect_eq "the kernel killed the task that was to be" 137 $?

check "force the transition" bash -c "echo 1 >$patch/force"
must "it ends at once" wait_until settled flaw-lookup
expect_eq "the patch has effect" patch "$(echo N >$waiting && cat /sys/kernel/klp_flaws/waiting)"
wait $reader
expect_eq "who was inside returned from the old function" module "$(cat /tmp/waited)"
check "the patch can be disabled" disable flaw-lookup
expect_eq "it has no effect then" module "$(cat /sys/kernel/klp_flaws/waiting)"
check "its code stays" [ "$(cat /sys/module/flaw_lookup/refcnt)" -gt 0 ]
must "another patch" load livepatch-sample
must "remove it" remove_patch livepatch-sample
kill -9 "${hostiles[@]}"
wait
must "the patched module can go" unload klp_flaws
rm -f /tmp/waited /tmp/hostile.*
