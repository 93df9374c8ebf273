# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# A system call of 64-bit and of 32-bit programs: two functions, with arguments in different registers.

. /klp/vm/lib.sh

if ! grep -q ' __ia32_sys_membarrier$' /proc/kallsyms; then
	expect_eq "this kernel does not support 32-bit programs" "" "$(ls "$MODULES" | grep '^ia32')"
	exit
fi

calls() {
	"$PROGRAMS/klp-ia32" | paste -sd '|'
}

# EINVAL
expect_eq "the original results" "native -22|ia32 -22" "$(calls)"
must "load" load ia32
mark_log
expect_eq "the patched results are the same" "native -22|ia32 -22" "$(calls)"
expect_eq "both replacements get the arguments" "native -5 f0000001 7|ia32 -5 f0000001 7" \
	"$(log_since | sed -n 's/^ia32: //p' | paste -sd '|')"
must "remove" remove_patch ia32
