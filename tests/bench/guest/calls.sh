# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# calls.sh - how many instructions a call of a patched function takes more than one of a function
# that is not: settled, with a call of the original, through three patches on top of each other, in transition, and where the
# patch that comes has no replacement for it. And what it takes to read a member of a structure. For counted
# instructions: one nanosecond each.
#
# calls.sh handler - settled, on a kernel that has been told not to make jumps.

. "${BENCH:-/klp/bench}/lib.sh"

# calls NAME RESULT [FILE] - sets `cost` to what a call takes; the function that is called gives RESULT.
calls() {
    local calls took result
    read -r calls _ took _ _ result _ <"${3:-/proc/klp_bench_calls}"
    [ "$result" = "$2" ] || fail "$1: the function gives $result instead of $2"
    cost=$(awk -v took="$took" -v calls="$calls" 'BEGIN { printf "%.2f\n", took / calls }')
}

# difference NAME A B - the figure A - B.
difference() {
    figure "$1" instructions "$(awk -v a="$2" -v b="$3" 'BEGIN { printf "%.2f\n", a - b }')"
}

# extra NAME RESULT [FILE] - the same, as a figure, without what it costs unpatched.
extra() {
    calls "$@"
    difference "call-$1" "$cost" "$plain"
}

# sleeper - somebody who holds transitions up, for a while, and then makes calls; `wait` waits for that.
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

# It gives what the original gives.
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

# What comes replaces another function, so that this one gets the original back.
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
