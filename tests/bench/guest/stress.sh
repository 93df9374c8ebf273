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

# run CYCLES [BEFORE] - so many, after those before.
run() {
    local cycle before=${2:-0}
    storm_begin
    for ((cycle = 1; cycle <= $1; cycle++)); do
        enable klp_bench_patch functions=$functions sleeper=1 >/dev/null
        # Time for the entries to become jumps, every other time.
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

# losses LIMIT FILE.. - what grew by LIMIT or more from each file to the next.
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
# In few cycles, chance is more.
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
# What is lost in every cycle grows in both halves; caches, stacks that wait to be used again and objects on their way out
# do not. Half a page a cycle of vmalloc's, or an object in most cycles. Slabs are judged by what is in them where the
# kernel lists that (CONFIG_SLUB_DEBUG), else by their size, whose noise is 200 kB: 1 kB a cycle there. kmemleak, where it
# is, sees each lost object, and its report ends the run; its caches and those of debugobjects have one object for each
# elsewhere.
lost=$(losses $((2 * least)) /tmp/memory.? | grep '^VmallocUsed' || true
    if [ -s /tmp/objects.0 ]; then
        losses $((least * 3 / 4)) /tmp/objects.? | grep -vE '^(kmemleak_object|debug_objects_cache) '
    else
        losses "$least" /tmp/memory.? | grep '^SUnreclaim'
    fi || true)
[ -z "$lost" ] || fail "${lost//$'\n'/; }"
