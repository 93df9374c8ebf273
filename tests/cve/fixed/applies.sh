# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Applies each patch of a published fix to its objects, and removes it, on a kernel that has the fixes.
# Limit: 600 s

. /klp/vm/cve.sh

# objects PATCH - the modules that it patches.
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
    expect_eq "$PATCH: all its objects are patched" 1 "$patched"
    finish
done
