# SPDX-License-Identifier: GPL-2.0-only
# Ten thousand threads, and a process that exhausts memory, during a transition.
# Limit: 1800 s

. /klp/vm/lib.sh
. /klp/vm/hostile.sh

COUNT=${COUNT:-10000}

echo 100000 >/proc/sys/kernel/threads-max
echo 100000 >/proc/sys/kernel/pid_max
echo 1000000 >/proc/sys/vm/max_map_count
hostile threads "$COUNT" || must "start $COUNT threads" false
begin
goes_on "with $COUNT threads"
echo 1000 >/proc/$reader/oom_score_adj 2>/dev/null
echo -1000 >/proc/$reader/oom_score_adj
echo -1000 >/proc/$$/oom_score_adj
# Allocates until the kernel kills it.
(echo 1000 >/proc/$BASHPID/oom_score_adj && exec "$hostile" eat) >/dev/null
check "the kernel killed the task that exhausted memory" [ $? = 137 ]
goes_on "without memory"
start=${EPOCHREALTIME//./}
end
echo "the end took $(((${EPOCHREALTIME//./} - start) / 1000)) ms"
clean_up
