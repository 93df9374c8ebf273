# SPDX-License-Identifier: GPL-2.0-only
# CPUs that go offline and online during a transition, and stopped, traced and uninterruptible tasks: none blocks it, and
# all switch.

. /klp/vm/lib.sh
. /klp/vm/hostile.sh

cpu=/sys/devices/system/cpu/cpu1/online

begin
hostile vfork || must "a task sleeps uninterruptibly" false
hostile traced || must "a debugger has stopped a task" false
sleep 1000 &
stopped=$!
hostiles+=($stopped)
kill -STOP $stopped
goes_on "stopped, traced and uninterruptible tasks"
check "a CPU goes offline" bash -c "echo 0 >$cpu"
goes_on "without a CPU"
check "the CPU goes online" bash -c "echo 1 >$cpu"
goes_on "with the CPU"
check "the kernel lists what is blocked" bash -c "echo w >/proc/sysrq-trigger"
check "the CPU goes offline again" bash -c "echo 0 >$cpu"
end
check "the CPU goes online after the transition" bash -c "echo 1 >$cpu"
expect_eq "the patch has effect on that CPU" patch "$(taskset -c 1 cat /sys/kernel/klp_flaws/waiting)"
kill -CONT $stopped
clean_up
