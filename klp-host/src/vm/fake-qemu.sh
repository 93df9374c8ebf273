#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Stands in for QEMU in tests: connects to the same serial ports, and "boots" a bash script
# that writes to them with `console TEXT`, `output TEXT` and `verdict TEXT`.

declare -A port
while [ $# -gt 0 ]; do
    case $1,$2 in
        -kernel,*) image=$2 ;;
        -chardev,socket,id=*,fd=*)
            name=${2#socket,id=}
            port[${name%%,*}]=${2##*fd=}
            ;;
    esac
    shift
done

console() { printf '%s\r\n' "$1" >&"${port[console]}"; }
output() { printf '%b' "$1" >&"${port[output]}"; }
verdict() { printf '%s\n' "$1" >&"${port[verdict]}"; }

# shellcheck source=/dev/null
. "$image"
