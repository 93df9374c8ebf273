# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the benchmarks' scripts, which run in the guest. What they find they tell the host in
# lines `@figure NAME UNIT VALUE`.

set -euo pipefail
export LC_ALL=C

BENCH=${BENCH:-/klp/bench}
# The live patch that the functions below are about.
PATCH=klp_bench_patch
TARGET=klp_bench_target

# figure NAME UNIT VALUE
figure() {
    echo "@figure $1 $2 $3"
}

# load_target [PARAM=VALUE...] - loads the module whose functions are patched.
load_target() {
    insmod "$BENCH/$TARGET.ko" "$@"
}

# enable [PARAM=VALUE...] - loads the live patch; prints how long that took, in nanoseconds.
enable() {
    "$BENCH/klp-bench" load "$BENCH/$PATCH.ko" "$PATCH" "$@" | sed 's/.* //'
}

# disable - takes it out of use; prints how long that took.
disable() {
    "$BENCH/klp-bench" disable "$PATCH" | sed 's/.* //'
}

# unload - unloads the live patch, which has been disabled.
unload() {
    "$BENCH/klp-bench" unload "$PATCH"
}

# median - of the numbers on standard input.
median() {
    sort -n | awk '{ value[NR] = $1 } END {
        middle = int((NR + 1) / 2)
        printf "%.0f\n", NR % 2 ? value[middle] : (value[middle] + value[middle + 1]) / 2
    }'
}
