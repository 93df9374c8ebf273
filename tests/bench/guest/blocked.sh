# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# blocked.sh SECONDS SLEEPERS - the processor time of the kernel's workers while a transition is held up by a
# task that sleeps in the function to be replaced; and before it, while nothing happens. As many other
# processes sleep as SLEEPERS says.
# For counted instructions: the time is then exact.

. "${BENCH:-/klp/bench}/lib.sh"

seconds=$1
"$BENCH/klp-bench" sleepers "$2"
sleep 1

# worked - ticks of all kernel workers so far; a tick is 10 ms.
worked() {
    cat /proc/[0-9]*/stat 2>/dev/null |
        sed -n 's/^[0-9]* (kworker[^)]*) //p' | awk '{ sum += $12 + $13 } END { print sum + 0 }'
}

# percent BEFORE AFTER
percent() {
    awk -v ticks="$(($2 - $1))" -v seconds="$seconds" 'BEGIN { printf "%.3f\n", ticks / seconds }'
}

load_target sleep_ms=$((seconds * 1000 + 4000))
before=$(worked)
sleep "$seconds"
figure idle-workers percent "$(percent "$before" "$(worked)")"

cat /proc/klp_bench_sleep >/dev/null &
sleep 1
insmod "$BENCH/$PATCH.ko" functions=1 sleeper=1
sleep 1
before=$(worked)
sleep "$seconds"
after=$(worked)
if [ "$(cat "/sys/kernel/livepatch/$PATCH/transition")" != 1 ]; then
    echo "the transition was not held up for $seconds s" >&2
    exit 1
fi
figure blocked-workers percent "$(percent "$before" "$after")"
wait
