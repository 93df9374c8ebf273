# SPDX-License-Identifier: GPL-2.0-only
# One of two functions of the same name.

. /klp/vm/lib.sh

both() {
	cat /proc/klp_level_1 /proc/klp_level_2
}

must "load the module" load klp_twins
expect_eq "two functions of one name" 2 "$(grep -c "[[:space:]]level_show[[:space:]]\[klp_twins\]" /proc/kallsyms)"
original=$(both)
must "load the patch" load livepatch-sympos
expect_eq "only the second is replaced" $'first level\nsecond level, live patched' "$(both)"
check "sysfs shows the position" test -d "$LIVEPATCH/livepatch_sympos/klp_twins/level_show,2"
must "remove the patch" remove_patch livepatch-sympos
expect_eq "both are back" "$original" "$(both)"
must "unload the module" unload klp_twins

# The module is loaded after the patch: the position still counts within it.
must "load the patch, without the module" load livepatch-sympos
must "load the module after it" load klp_twins
expect_eq "only the second is replaced in the late module" \
	$'first level\nsecond level, live patched' "$(both)"
must "unload the late module" unload klp_twins
must "remove the patch again" remove_patch livepatch-sympos
