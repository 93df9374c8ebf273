# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# latency.sh CYCLES TASKS... - the duration in real time of transitions to and from a live patch of one
# function, while this many processes sleep (fewest first): on an idle machine, and on one where each CPU
# computes and starts programs. Taken from the time stamps of the kernel's log, from the start of the
# transition to its end, so that loading the module and polling are not counted.

. "${BENCH:-/klp/bench}/lib.sh"

cycles=$1
shift
load=()

# load_begin - starts a load: CPUs that are never idle, and short-lived tasks.
load_begin() {
    local cpu what
    for ((cpu = 0; cpu < $(nproc); cpu++)); do
        for what in storm spin; do
            "$BENCH/klp-bench" "$what" &
            load+=($!)
        done
    done
}

# load_end - stops the load.
load_end() {
    kill "${load[@]}"
    wait "${load[@]}" || true
    load=()
}

# transitions patching|unpatching - the durations in the log, in nanoseconds.
transitions() {
    dmesg | sed -E "s/^\\[ *([0-9]+)\\.([0-9]+)\\] livepatch: 'klp_bench_one': /\\1\\2 /" |
        awk -v what="$1" '
            $2 == "starting" && $3 == what { start = $1 }
            $2 == what && $3 == "complete" { printf "%.0f\n", ($1 - start) * 1000 }'
}

# latency NAME - measures `cycles` cycles.
latency() {
    local name=$1 cycle direction
    dmesg -c >/dev/null
    for ((cycle = 0; cycle < cycles; cycle++)); do
        enable klp_bench_one >/dev/null
        sleep 0.2
        disable klp_bench_one >/dev/null
        unload klp_bench_one
        sleep 0.2
    done
    for direction in patching unpatching; do
        transitions "$direction" >/tmp/transitions
        [ "$(wc -l </tmp/transitions)" = "$cycles" ] ||
            fail "$name: the log does not have $cycles times $direction"
        figure "$direction-$name" ns "$(median </tmp/transitions)" "$(worst </tmp/transitions)"
    done
}

echo 1 >/sys/module/printk/parameters/time
load_target
sleeping=0
for tasks in "$@"; do
    echo "@progress $tasks tasks"
    "$BENCH/klp-bench" sleepers $((tasks - sleeping))
    sleeping=$tasks
    sleep 2
    latency "idle-$tasks"
    load_begin
    sleep 1
    latency "load-$tasks"
    load_end
done
