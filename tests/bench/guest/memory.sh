# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# memory.sh FUNCTIONS... - the memory that the kernel needs for patched functions: what there is more of while
# the same module patches so many of them than while it patches one. For counted instructions.

. "${BENCH:-/klp/bench}/lib.sh"

# used FUNCTIONS - sets `objects` and `areas` to the kernel's memory while so many are patched, in kB.
used() {
    enable klp_bench_patch functions="$1" >/dev/null
    settle klp_bench_patch
    # What is freed later, and what is kept for the next who asks.
    sleep 3
    local cache
    for cache in /sys/kernel/slab/*/shrink; do
        echo 1 >"$cache"
    done
    objects=$(awk '/^(Slab|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo)
    areas=$(awk '/^VmallocUsed:/ { print $2 }' /proc/meminfo)
}

load_target
# Twice: the first time makes what is made once.
used 1
disable klp_bench_patch >/dev/null
unload klp_bench_patch
used 1
objects_of_one=$objects areas_of_one=$areas
for functions in "$@"; do
    disable klp_bench_patch >/dev/null
    unload klp_bench_patch
    used "$functions"
    figure "memory-$functions" bytes $((1024 * (objects - objects_of_one) / (functions - 1)))
    # The kernel gets room for code in blocks, which are no matter of a single function.
    figure "areas-$functions" kB $((areas - areas_of_one))
done
