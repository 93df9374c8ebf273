# SPDX-License-Identifier: GPL-2.0-only
#
# Cases: a line `ok - NAME` or `not ok - NAME: WHY` for each. `$work/out` has what an engine said.

# check NAME COMMAND..: it has to succeed.
check() {
    local name=$1 said
    shift
    : >"$work/said"
    if "$@" >"$work/said" 2>&1; then
        echo "ok - $name"
    else
        said=$(cat "$work/said" "$work/out" 2>/dev/null | tail -n 60)
        echo "not ok - $name: $* failed"
        printf '%s\n' "$said" | sed 's/^/# /'
    fi
}

# check_fails NAME COMMAND..: it has to fail.
check_fails() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "not ok - $name: $* succeeded"
        tail -n 60 "$work/out" | sed 's/^/# /'
    else
        echo "ok - $name"
    fi
}
