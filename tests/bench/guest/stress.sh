# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# stress.sh CYCLES - loads, disables and unloads a live patch while programs are started all the
# time, and looks whether memory has gone. The kernel's complaints are the host's to see.

. "${BENCH:-/klp/bench}/lib.sh"

cycles=$1
functions=10
# Caches, and whatever is made once, are filled by then.
warm_up=10
storms=()

# storm_begin - a load on every CPU.
storm_begin() {
    local cpu
    for ((cpu = 0; cpu < $(nproc); cpu++)); do
        "$BENCH/klp-bench" storm &
        storms+=($!)
    done
}

# storm_end - no load, and all that was to be freed is.
storm_end() {
    kill "${storms[@]}"
    wait "${storms[@]}" || true
    storms=()
    sleep 3
    echo 3 >/proc/sys/vm/drop_caches
    local cache
    for cache in /sys/kernel/slab/*/shrink; do
        echo 1 >"$cache" || true
    done
    sleep 1
}

# run CYCLES
run() {
    local cycle
    for ((cycle = 1; cycle <= $1; cycle++)); do
        enable klp_bench_patch functions=$functions sleeper=1 >/dev/null
        # Time for the entries to become jumps, every other time.
        if ((cycle % 2 == 0)); then
            sleep 0.3
        fi
        disable klp_bench_patch >/dev/null
        unload klp_bench_patch
        if ((cycle % 20 == 0)); then
            echo "@progress $cycle of $1 cycles"
        fi
    done
}

# memory - the kernel's own, in kB: name and size.
memory() {
    awk '/^(Slab|SUnreclaim|VmallocUsed|Percpu|KernelStack):/ { sub(":", ""); print $1, $2 }' /proc/meminfo
}

# objects - in the slab caches: name and number.
objects() {
    if [ -r /proc/slabinfo ]; then
        awk 'NR > 2 { print $1, $2 }' /proc/slabinfo
    fi
}

# growth FILE - what was listed in FILE and has another value on standard input: name and difference.
growth() {
    awk 'FILENAME != "-" { before[$1] = $2; next }
        $1 in before { print $1, $2 - before[$1] }' "$1" -
}

load_target
storm_begin
run $warm_up
storm_end
memory >/tmp/memory
objects >/tmp/objects

storm_begin
run "$cycles"
storm_end
figure stress-cycles cycles "$cycles"
memory | growth /tmp/memory >/tmp/growth
while read -r name grown; do
    figure "stress-growth-$name" kB "$grown"
done </tmp/growth
# Half a page a cycle is more than chance; some stacks of tasks may wait to be used again. Slabs are judged by what is in
# them.
awk -v limit=$((2 * cycles + 256)) '$1 == "VmallocUsed" && $2 >= limit {
    print $1 " grew by " $2 " kB"; lost = 1
} END { exit lost }' /tmp/growth
# Where a thing is lost in every cycle, there are as many more.
objects | growth /tmp/objects | awk -v limit="$cycles" '$2 >= limit {
    print "slab cache " $1 " grew by " $2 " objects"; lost = 1
} END { exit lost }'
