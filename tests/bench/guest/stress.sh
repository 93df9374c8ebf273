# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# stress.sh CYCLES - loads, disables and unloads a live patch while programs are started all the
# time, and checks for memory leaks. The host checks for warnings of the kernel.

. "${BENCH:-/klp/bench}/lib.sh"

cycles=$1
functions=10
# Cycles that fill caches and make one-time allocations.
warm_up=10
storms=()

# storm_begin - starts a load on every CPU.
storm_begin() {
    local cpu
    for ((cpu = 0; cpu < $(nproc); cpu++)); do
        "$BENCH/klp-bench" storm &
        storms+=($!)
    done
}

# storm_end - stops the load, and waits for deferred frees.
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

# run CYCLES [BEFORE] - runs cycles, after BEFORE earlier ones.
run() {
    local cycle before=${2:-0}
    storm_begin
    for ((cycle = 1; cycle <= $1; cycle++)); do
        enable klp_bench_patch functions=$functions sleeper=1 >/dev/null
        # Every other cycle, give the patch sites time to become jumps.
        if ((cycle % 2 == 0)); then
            sleep 0.3
        fi
        disable klp_bench_patch >/dev/null
        unload klp_bench_patch
        if (((before + cycle) % 20 == 0)); then
            echo "@progress $((before + cycle)) of $cycles cycles"
        fi
    done
    storm_end
}

# memory - the kernel's memory, in kB: name and size.
memory() {
    awk '/^(Slab|SUnreclaim|VmallocUsed|Percpu|KernelStack):/ { sub(":", ""); print $1, $2 }' /proc/meminfo
}

# objects - the objects in slab caches: name and number.
objects() {
    if [ -r /proc/slabinfo ]; then
        awk 'NR > 2 { print $1, $2 }' /proc/slabinfo
    fi
}

# growth FILE - the change of each entry from FILE to standard input: name and difference.
growth() {
    awk 'FILENAME != "-" { before[$1] = $2; next }
        $1 in before { print $1, $2 - before[$1] }' "$1" -
}

# losses LIMIT FILE.. - the entries that grew by LIMIT or more from each file to the next.
losses() {
    local limit=$1 from=$2
    shift 2
    for to in "$@"; do
        growth "$from" <"$to"
        from=$to
    done | awk -v limit="$limit" -v times=$# '$2 >= limit { seen[$1]++; sum[$1] += $2 }
        END { for (name in seen) if (seen[name] == times) print name " grew by " sum[name] }'
}

load_target
run $warm_up
memory >/tmp/memory.0
objects >/tmp/objects.0
half=$((cycles / 2))
# With few cycles, noise is relatively large.
least=$((half > 10 ? half : 10))
run $half
memory >/tmp/memory.1
objects >/tmp/objects.1
run $((cycles - half)) $half
memory >/tmp/memory.2
objects >/tmp/objects.2

figure stress-cycles cycles "$cycles"
growth /tmp/memory.0 </tmp/memory.2 | while read -r name grown; do
    figure "stress-growth-$name" kB "$grown"
done
# A leak in every cycle grows in both halves; caches, cached stacks and deferred frees do not. The limits are half a page
# of vmalloc memory per cycle, and an object in most cycles. Slabs are judged by their objects if the kernel lists these
# (CONFIG_SLUB_DEBUG), else by their size, whose noise is 200 kB: 1 kB per cycle there. kmemleak, if built in, reports
# each leaked object, which ends the run; its cache and that of debugobjects have one object for each object elsewhere.
lost=$(losses $((2 * least)) /tmp/memory.? | grep '^VmallocUsed' || true
    if [ -s /tmp/objects.0 ]; then
        losses $((least * 3 / 4)) /tmp/objects.? | grep -vE '^(kmemleak_object|debug_objects_cache) '
    else
        losses "$least" /tmp/memory.? | grep '^SUnreclaim'
    fi || true)
[ -z "$lost" ] || fail "${lost//$'\n'/; }"
