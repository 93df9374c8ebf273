# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Library of the scenarios of published fixes: loads modules without fixes, and compares a command with and
# without the patch.

. /klp/vm/lib.sh

# Makes the system calls that fixes affect, and prints `ok`, or the name of an errno or signal.
# shellcheck disable=SC2034
CVE=$PROGRAMS/klp-cve

# The loaded modules, the last one first.
LOADED=()
PATCH=

# without CAPABILITY COMMAND [ARG...] - runs a command as root without this capability.
without() {
    local capability=$1
    shift
    setpriv --bounding-set "-$capability" --inh-caps "-$capability" "$@"
}

# load_module NAME - loads a module and its dependencies.
load_module() {
    local needed
    is_loaded "$1" && return
    # Algorithms of the crypto API, which it requests by name.
    for needed in $(modinfo -F softdep "$(module_file "$1")" | sed -n 's/^pre: \([^:]*\)$/\1/p'); do
        module_file "${needed}_generic" >/dev/null 2>&1 && load_module "${needed}_generic"
    done
    for needed in $(modinfo -F depends "$(module_file "$1")" | tr , ' '); do
        load_module "$needed"
    done
    must "$1 is loaded" load "$1"
    LOADED=("$1" "${LOADED[@]}")
}

# shows_flaw PATCH BEFORE AFTER COMMAND [ARG...] - the command prints this before and after patching.
# The patched module has to be one without the fix.
shows_flaw() {
    local before=$2 after=$3
    PATCH=livepatch-$1
    shift 3
    expect_eq "without the fix: $before" "$before" "$("$@" 2>&1)"
    must "the patch is loaded" load "$PATCH"
    expect_eq "with the fix: $after" "$after" "$("$@" 2>&1)"
}

# shows_change PATCH RESULT LOG COMMAND [ARG...] - the command prints the same before and after patching,
# and after it the patch logs that it caused the result.
shows_change() {
    local result=$2 message=$3
    PATCH=livepatch-$1
    shift 3
    expect_eq "by the kernel: $result" "$result" "$("$@" 2>&1)"
    must "the patch is loaded" load "$PATCH"
    mark_log
    expect_eq "by the patch: $result" "$result" "$("$@" 2>&1)"
    expect_match "the patch logs it" "$(module_name "$PATCH"): refused: $message" "$(log_since)"
}

# shows_harmless RESULT COMMAND [ARG...] - an allowed operation works with the patch.
shows_harmless() {
    local result=$1
    shift
    expect_eq "allowed: $result" "$result" "$("$@" 2>&1)"
}

# finish - removes the patch and the modules.
finish() {
    local module
    must "the patch is removed" remove_patch "$PATCH"
    for module in "${LOADED[@]}"; do
        must "$module is unloaded" unload "$module"
    done
}
