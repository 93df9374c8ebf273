# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# blocked.sh SECONDS SLEEPERS - the CPU time of the kernel's workers while a transition is blocked by a task that
# sleeps in the function to be replaced; and before, while the system is idle. SLEEPERS other processes
# sleep meanwhile. For counted instructions.

. "${BENCH:-/klp/bench}/lib.sh"

seconds=$1
"$BENCH/klp-bench" sleepers "$2"
sleep 1

# percent - measures the share of a CPU that the workers use, in percent.
percent() {
    local before after
    before=$(worked)
    sleep "$seconds"
    after=$(worked)
    awk -v ns=$((after - before)) -v seconds="$seconds" 'BEGIN { printf "%.5f\n", ns / seconds / 1e7 }'
}

load_target sleep_ms=$((seconds * 1000 + 4000))
figure idle-workers percent "$(percent)"

cat /proc/klp_bench_sleep >/dev/null &
sleep 1
insmod "$BENCH/klp_bench_patch.ko" functions=1 sleeper=1
sleep 1
blocked=$(percent)
in_transition klp_bench_patch
figure blocked-workers percent "$blocked"
wait
