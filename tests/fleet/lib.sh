# SPDX-License-Identifier: GPL-2.0-only
#
# Runs cases, with a line `ok - NAME` or `not ok - NAME: WHY` for each. `$work/out` has the output of an engine.

# check NAME COMMAND.. - the command has to succeed.
check() {
    local name=$1 said
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok - $name"
    else
        said=$(cat "$work/said" "$work/out" 2>/dev/null | tail -n 60)
        echo "not ok - $name: $* failed"
        printf '%s\n' "$said" | sed 's/^/# /'
    fi
}

# check_fails NAME COMMAND.. - the command has to fail. `$work/refused` has its output.
check_fails() {
    local name=$1
    shift
    if "$@" >"$work/refused" 2>&1; then
        echo "not ok - $name: $* succeeded"
        cat "$work/refused" "$work/out" 2>/dev/null | tail -n 60 | sed 's/^/# /'
    else
        echo "ok - $name"
    fi
}
