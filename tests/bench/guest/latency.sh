# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# latency.sh CYCLES - the time from loading a live patch of one function to the end of its
# transition, and from disabling it to its end, on a machine that does nothing else. In real time.

. "${BENCH:-/klp/bench}/lib.sh"

cycles=$1
PATCH=klp_bench_one
patching=() unpatching=()
load_target
for ((cycle = 0; cycle < cycles; cycle++)); do
    patching+=("$(enable)")
    sleep 0.2
    unpatching+=("$(disable)")
    unload
    sleep 0.2
done
figure latency-patching ns "$(printf '%s\n' "${patching[@]}" | median)"
figure latency-patching-worst ns "$(printf '%s\n' "${patching[@]}" | sort -n | tail -n 1)"
figure latency-unpatching ns "$(printf '%s\n' "${unpatching[@]}" | median)"
figure latency-unpatching-worst ns "$(printf '%s\n' "${unpatching[@]}" | sort -n | tail -n 1)"
