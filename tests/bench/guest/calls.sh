# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How many instructions a call of a patched function takes, and one of a function that is not.
# For counted instructions: one nanosecond each.

. "${BENCH:-/klp/bench}/lib.sh"

# per_call - of a loop around the call.
per_call() {
    # The first run translates the code for the emulator.
    cat /proc/klp_bench_calls >/dev/null
    awk '{ printf "%.2f\n", $3 / $1 }' /proc/klp_bench_calls
}

load_target
plain=$(per_call)
enable functions=1 >/dev/null
redirected=$(per_call)
figure call-plain instructions "$plain"
figure call-redirected instructions "$redirected"
figure call-extra instructions "$(awk -v a="$redirected" -v b="$plain" 'BEGIN { printf "%.2f\n", a - b }')"
disable >/dev/null
