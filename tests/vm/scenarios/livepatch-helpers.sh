# SPDX-License-Identifier: GPL-2.0-only
# A patch with functions in C, which use macros and inline functions of the kernel.

. /klp/vm/lib.sh

version=$(cat /proc/version)
must "load" load livepatch-helpers
expect_match "the functions in C are called" "^$(nproc) CPUs, [1-9][0-9]* kernel threads\$" "$(cat /proc/version)"
must "remove" remove_patch livepatch-helpers
expect_eq "/proc/version is back" "$version" "$(cat /proc/version)"
