# SPDX-License-Identifier: GPL-2.0-only
# A task that is preempted between the ftrace handler's choice of a replacement and the replacement counts as running
# in the patch: the patch is not gone before the task returns.

. /klp/vm/lib.sh

reader_result=/tmp/entered
parameters=/sys/module/klp_flaws/parameters

must "load the module" load klp_flaws
must "load the patch" load flaw-entry
# The scheduler's fair server would let the reader run despite the real-time task.
for server in /sys/kernel/debug/sched/fair_server/cpu1/runtime; do
	[ ! -e $server ] || echo 0 >$server
done
echo Y >$parameters/armed
taskset -c 1 cat /sys/kernel/klp_flaws/entered >$reader_result &
reader=$!
must "a reader is preempted in the handler" wait_until grep -q Y $parameters/holding
echo 0 >$LIVEPATCH/flaw_entry/enabled
must "the patch is disabled" wait_until patch_gone flaw-entry
must "unload the patch" unload flaw-entry
wait $reader
expect_eq "the reader returned from the replacement" patch "$(cat $reader_result)"
rm $reader_result
must "unload the module" unload klp_flaws
