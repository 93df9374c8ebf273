# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# calls.sh - how many more instructions a call of a patched function takes than one of an unpatched function:
# settled, with a call of the original, with three stacked patches, in transition, and in transition to a patch
# without a replacement for it. Also the cost of reading a member of a structure. For counted instructions, one
# nanosecond each.
#
# calls.sh handler - settled, on a kernel booted with livepatch.jumps=0.

. "${BENCH:-/klp/bench}/lib.sh"

# calls NAME RESULT [FILE] - sets `cost` to the cost of a call of a function that has to return RESULT.
calls() {
    local calls took result
    read -r calls _ took _ _ result _ <"${3:-/proc/klp_bench_calls}"
    [ "$result" = "$2" ] || fail "$1: the function returns $result instead of $2"
    cost=$(awk -v took="$took" -v calls="$calls" 'BEGIN { printf "%.2f\n", took / calls }')
}

# difference NAME A B - reports the figure A - B.
difference() {
    figure "$1" instructions "$(awk -v a="$2" -v b="$3" 'BEGIN { printf "%.2f\n", a - b }')"
}

# extra NAME RESULT [FILE] - reports the cost of a call beyond that of an unpatched function.
extra() {
    calls "$@"
    difference "call-$1" "$cost" "$plain"
}

# sleeper - starts a task that blocks transitions for a while, and then makes calls. `wait` waits for it.
sleeper() {
    cat /proc/klp_bench_sleep >/tmp/sleeper &
    sleep 1
}

load_target sleep_ms=20000
calls plain 1000
plain=$cost

if [ "${1:-}" = handler ]; then
    enable klp_bench_patch functions=1 >/dev/null
    quiet
    extra handler -1000
    exit
fi

figure call-plain instructions "$plain"

# This patch returns the original's result.
insmod "$BENCH/klp_bench_original.ko"
settle klp_bench_original
extra original 1000
with_original=$cost
disable klp_bench_original >/dev/null
unload klp_bench_original

insmod "$BENCH/klp_bench_view.ko"
settle klp_bench_view
calls in-rust -1000
difference call-of-original "$with_original" "$cost"
calls reads 0 /proc/klp_bench_reads
with_read=$cost
calls ignores 0 /proc/klp_bench_ignores
difference view-read "$with_read" "$cost"
disable klp_bench_view >/dev/null
unload klp_bench_view

enable klp_bench_patch functions=1 >/dev/null
settle klp_bench_patch
extra settled -1000

enable klp_bench_second functions=1 >/dev/null
enable klp_bench_third functions=1 >/dev/null
settle klp_bench_third
extra stacked -3000
disable klp_bench_third >/dev/null
disable klp_bench_second >/dev/null
unload klp_bench_third
unload klp_bench_second

# The cumulative patch replaces another function, which reverts this one to the original.
sleeper
insmod "$BENCH/klp_bench_second.ko" sleeper=1 replace=1
extra noop 1000
in_transition klp_bench_second
wait
sleep 3
disable klp_bench_second >/dev/null
unload klp_bench_second

sleeper
insmod "$BENCH/klp_bench_third.ko" functions=1 sleeper=1
extra transition -3000
in_transition klp_bench_third
# The task that has not switched.
wait
extra transition-old 1000 /tmp/sleeper
