# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Library of the benchmarks' scripts, which run in the guest. They report results to the host in
# lines `@figure NAME UNIT VALUE [WORST]`.

set -euo pipefail
export LC_ALL=C

BENCH=${BENCH:-/klp/bench}
TARGET=klp_bench_target
# Maximum seconds that the kernel's workers may take for the work of a patch.
QUIET=300

# figure NAME UNIT VALUE [WORST] - reports a figure; of several samples, the median and the worst.
figure() {
    echo "@figure $*"
}

# fail WHY...
fail() {
    echo "$*" >&2
    exit 1
}

# load_target [PARAM=VALUE...] - loads the module whose functions are patched.
load_target() {
    insmod "$BENCH/$TARGET.ko" "$@"
}

# enable PATCH [PARAM=VALUE...] - loads a live patch; prints the time until the end of its transition, and
# the core's part of it, in nanoseconds.
enable() {
    "$BENCH/klp-bench" load "$BENCH/$1.ko" "$@"
}

# replace PATCH OLD [PARAM=VALUE...] - the same for a patch that replaces the patch OLD.
replace() {
    "$BENCH/klp-bench" replace "$BENCH/$1.ko" "$@" replace=1
}

# disable PATCH - disables a live patch; prints the time in nanoseconds.
disable() {
    "$BENCH/klp-bench" disable "$1"
}

# unload PATCH - unloads a live patch that has been disabled or replaced.
unload() {
    "$BENCH/klp-bench" unload "$1"
}

# in_transition PATCH - fails if the patch is not in transition.
in_transition() {
    [ "$(cat "/sys/kernel/livepatch/$1/transition")" = 1 ] ||
        fail "$1 is not in transition"
}

# worked - prints the CPU time of the kernel's workers so far, in nanoseconds.
worked() {
    "$BENCH/klp-bench" worked
}

# quiet - waits until the kernel's workers are nearly idle.
quiet() {
    local before after seconds
    after=$(worked)
    for ((seconds = 0; seconds < QUIET; seconds++)); do
        before=$after
        sleep 1
        after=$(worked)
        if ((after - before < 1000000)); then
            return 0
        fi
    done
    fail "the kernel's workers were busy for $QUIET s"
}

# most_jumps - how many patch sites the core makes jumps: 0 for the C core, and on machines without them.
most_jumps() {
    local parameter
    for parameter in /sys/module/{livepatch,klp_core}/parameters/jumps; do
        [ ! -e "$parameter" ] || cat "$parameter"
    done | grep . || echo 0
}

# settle PATCH - waits until the work that follows enabling it is done: by then patch sites are jumps, on a core
# that makes them jumps.
settle() {
    local redirects=/sys/kernel/debug/livepatch/$1/redirects
    sleep 1
    quiet
    [ ! -e "$redirects" ] || [ "$(most_jumps)" = 0 ] || grep -q ' jump$' "$redirects" ||
        fail "$1 did not settle: $(head -n 1 "$redirects")"
}

# median - prints the median of the numbers on standard input.
median() {
    sort -n | awk '{ value[NR] = $1 } END {
        if (!NR)
            exit 1
        middle = int((NR + 1) / 2)
        printf "%.0f\n", NR % 2 ? value[middle] : (value[middle] + value[middle + 1]) / 2
    }'
}

# worst - prints the largest of the numbers on standard input.
worst() {
    sort -n | tail -n 1
}
