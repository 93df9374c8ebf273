# SPDX-License-Identifier: GPL-2.0-only
# Originals get the right arguments and return the right results, of each kind.

. /klp/vm/lib.sh

values() {
	paste -sd '|' /proc/klp_originals
}

unpatched='many 204|swap 2 1|turn 4 3 2 1|is_even 1 0|size 100 -7|check 0 -34|session 7 0 -1|sessions 0'
patched='many -204|swap 2 11|turn 4 3 2 10|is_even 0 1|size 101 -7|check -16 0|session 107 1 -1|sessions 0'

must "load the module" load klp_originals
expect_eq "the original results" "$unpatched" "$(values)"
must "load the patch" load originals
expect_eq "the patched results" "$patched" "$(values)"
mark_log
values >/dev/null
expect_eq "the replacement owns a box until it passes it on" \
	"session of 107 ends|session of 1 ends" \
	"$(log_since | sed -n 's/^originals: \(session .*\)/\1/p' | paste -sd '|')"

must "unload the module" unload klp_originals
mark_log
must "load it under the patch" load klp_originals
expect_eq "the author's callback runs, too" "before klp_originals" \
	"$(log_since | sed -n 's/^originals: \(before .*\)/\1/p')"
expect_eq "the patched results with the reloaded module" "$patched" "$(values)"

must "load a module with two functions of one name" load klp_twins
expect_eq "the first is not patched" "first level" "$(cat /proc/klp_level_1)"
expect_eq "the second calls its own original" "not the second level" "$(cat /proc/klp_level_2)"
must "unload that module" unload klp_twins

must "disable" disable originals
expect_eq "the original results are back" "$unpatched" "$(values)"
must "unload the patch" unload originals

must "load a patch that was built without the module's file" load original-unknown
expect_match "it calls the original" '^is_even 0 1$' "$(cat /proc/klp_originals)"
must "remove it" remove_patch original-unknown
must "unload the module again" unload klp_originals
