# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# A replaced system call has other results, but the same checks.

. /klp/vm/lib.sh

answers() {
	"$PROGRAMS/klp-mincore" | sed '/^--$/,$d'
}

checks() {
	"$PROGRAMS/klp-mincore" | sed '1,/^--$/d'
}

original=$(answers)
expect_eq "the original results" "0, 1 of 4|0, 0 of 1|0, 0 of 5000|0, 0 of 4" \
	"$(sed 's/.*: //' <<<"$original" | paste -sd '|')"
original_checks=$(checks)
expect_match "the kernel checks" "^a hole: ENOMEM$" "$original_checks"

must "load" load livepatch-syscall
expect_eq "every page is in memory" "0, 4 of 4|0, 1 of 1|0, 5000 of 5000|0, 4 of 4" \
	"$(answers | sed 's/.*: //' | paste -sd '|')"
patched_checks=$(checks)
while read -r line; do
	expect_match "the same check: $line" "^$line\$" "$patched_checks"
done <<<"$original_checks"
expect_eq "there are as many checks" "$(wc -l <<<"$original_checks")" "$(wc -l <<<"$patched_checks")"
must "remove" remove_patch livepatch-syscall
expect_eq "the original results are back" "$original" "$(answers)"
