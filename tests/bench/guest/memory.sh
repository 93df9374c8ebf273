# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# memory.sh FUNCTIONS... - the memory that the kernel needs for patched functions: how much more it uses while
# the same module patches this many functions than while it patches one. For counted instructions.

. "${BENCH:-/klp/bench}/lib.sh"

# used FUNCTIONS - sets `objects` and `areas` to the kernel's memory while this many functions are patched, in kB.
used() {
    enable klp_bench_patch functions="$1" >/dev/null
    settle klp_bench_patch
    # Wait for deferred frees, and empty the slab caches.
    sleep 3
    local cache
    for cache in /sys/kernel/slab/*/shrink; do
        echo 1 >"$cache"
    done
    objects=$(awk '/^(Slab|Percpu):/ { sum += $2 } END { print sum }' /proc/meminfo)
    areas=$(awk '/^VmallocUsed:/ { print $2 }' /proc/meminfo)
}

load_target
# Twice: the first run includes one-time allocations.
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
    # The kernel allocates memory for code in blocks, so this is not a figure per function.
    figure "areas-$functions" kB $((areas - areas_of_one))
done
