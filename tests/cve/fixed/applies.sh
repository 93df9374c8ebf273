# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Each patch of a published fix applies to what it is for, and is taken out again, on a kernel that has the fixes.
# Limit: 600 s

. /klp/vm/cve.sh

# objects PATCH - the modules that it is for.
objects() {
    local object
    for object in "$LIVEPATCH/$(module_name "$1")"/*/; do
        object=${object%/}
        [ "${object##*/}" = vmlinux ] || echo "${object##*/}"
    done
}

for file in "$MODULES"/livepatch-cve-*.ko; do
    PATCH=${file##*/}
    PATCH=${PATCH%.ko}
    LOADED=()
    must "$PATCH is loaded" load "$PATCH"
    for object in $(objects "$PATCH"); do
        load_module "$object"
    done
    patched=$(cat "$LIVEPATCH/$(module_name "$PATCH")"/*/patched | sort -u)
    expect_eq "$PATCH: all that it is for is patched" 1 "$patched"
    finish
done
