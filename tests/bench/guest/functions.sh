# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# functions.sh [--more] FUNCTIONS... - enables a live patch of this many functions, replaces it by another one, and
# disables that; also measures the work that each leaves to the kernel's workers. With `--more`, the kernel has many
# more traceable functions. For counted instructions.

. "${BENCH:-/klp/bench}/lib.sh"

# left NAME - waits until the workers are done, and reports their CPU time.
left() {
    local before
    before=$(worked)
    quiet
    figure "$1" ns $(($(worked) - before))
}

if [ "$1" = --more ]; then
    shift
    insmod "$BENCH/klp_bench_more.ko"
fi
load_target
for functions in "$@"; do
    read -r loaded enabled < <(enable klp_bench_patch functions="$functions")
    figure "enable-$functions" ns "$enabled"
    figure "load-$functions" ns "$loaded"
    left "after-enable-$functions"
    settle klp_bench_patch

    read -r loaded replaced < <(replace klp_bench_second klp_bench_patch functions="$functions")
    figure "replace-$functions" ns "$replaced"
    figure "reload-$functions" ns "$loaded"
    left "after-replace-$functions"
    settle klp_bench_second
    unload klp_bench_patch

    disabled=$(disable klp_bench_second)
    figure "disable-$functions" ns "$disabled"
    left "after-disable-$functions"
    unload klp_bench_second
done
