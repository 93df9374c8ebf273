# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# attempt.sh TASKS FUNCTIONS - the cost of an attempt to complete a transition that is blocked by this many tasks,
# which sleep in the last of this many functions. Both cores try about once a second by then, in a
# kernel worker, whose CPU time is measured. For counted instructions.

. "${BENCH:-/klp/bench}/lib.sh"

tasks=$1 functions=$2
seconds=10

# Otherwise the statistics that the kernel updates every second would be counted, too.
echo 600 >/proc/sys/vm/stat_interval
load_target sleep_ms=60000
"$BENCH/klp-bench" readers "$tasks" /proc/klp_bench_sleep
sleep 1
insmod "$BENCH/klp_bench_patch.ko" functions=$((functions - 1)) sleeper=1
sleep 2
"$BENCH/klp-bench" bursts "$seconds" >/tmp/bursts
in_transition klp_bench_patch
# Skip other work of the workers, which is short.
sort -n /tmp/bursts | awk '{ value[NR] = $1 } END {
    for (i = 1; i <= NR; i++)
        if (2 * value[i] > value[NR])
            print value[i]
}' >/tmp/attempts
attempts=$(wc -l </tmp/attempts)
((attempts >= 3 && attempts <= seconds + 1)) || fail "$attempts attempts in $seconds s"
figure "attempt-$tasks-$functions" instructions "$(median </tmp/attempts)"
