# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# latency.sh CYCLES - the time from loading a live patch of one function to the end of its
# transition, and from disabling it to its end, on a machine that does nothing else. In real time.
# `transition` figures are from the kernel's log: without loading the module, and without looking
# whether the transition has ended.

. "${BENCH:-/klp/bench}/lib.sh"

cycles=$1
PATCH=klp_bench_one
patching=() unpatching=()

# transitions patching|unpatching - how long each took by the log's time stamps.
transitions() {
    dmesg | sed -E "s/^\\[ *([0-9]+)\\.([0-9]+)\\] livepatch: '$PATCH': /\\1\\2 /" |
        awk -v what="$1" '
            $2 == "starting" && $3 == what { start = $1 }
            $2 == what && $3 == "complete" { printf "%.0f\n", ($1 - start) * 1000 }'
}

echo 1 >/sys/module/printk/parameters/time
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
figure transition-patching ns "$(transitions patching | median)"
figure transition-unpatching ns "$(transitions unpatching | median)"
