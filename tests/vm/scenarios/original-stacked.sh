# SPDX-License-Identifier: GPL-2.0-only
# The original is the kernel's function: a patch is refused if calling the original would skip another patch.

. /klp/vm/lib.sh

cmdline=$(cat /proc/cmdline)
sample="this has been live patched"
called="before $cmdline|after"

shown() {
	paste -sd '|' /proc/cmdline
}

said() {
	log_since | sed -n 's/^klp: //p'
}

# Below another patch.
must "load a patch that replaces the function" load livepatch-sample
mark_log
expect_match "a patch that calls its original is refused" "Device or resource busy" \
	"$(load_fails original-cmdline)"
expect_eq "the log says why, and what to do" \
	"original_cmdline: \`livepatch_sample\` replaces \`cmdline_proc_show\` of \`vmlinux\` too, and calling the original would skip that: put both into one patch with \`replace\`, or disable \`livepatch_sample\` first" \
	"$(said)"
expect_eq "nothing was patched" "$sample" "$(shown)"
check "no patch is left" test ! -e "$LIVEPATCH/original_cmdline"
must "a cumulative patch that calls it is accepted, because it replaces the other" load original-cumulative
expect_eq "it calls the kernel's function" "all new: $cmdline|after" "$(shown)"
must "the replaced patch is gone" wait_until patch_gone livepatch-sample
must "unload the replaced patch" unload livepatch-sample

mark_log
expect_match "a second patch that calls it is refused" "Device or resource busy" \
	"$(load_fails original-cmdline)"
expect_match "the log names the loaded patch" "original_cumulative" "$(said)"
must "remove the cumulative one" remove_patch original-cumulative

# Above another patch.
must "load the patch that calls the original" load original-cmdline
expect_eq "it calls the kernel's function, too" "$called" "$(shown)"
must "load a patch of the same function on top" load livepatch-sample
expect_eq "the upper patch is called" "$sample" "$(shown)"
must "remove the upper one" remove_patch livepatch-sample
expect_eq "the lower patch is called again" "$called" "$(shown)"
must "remove the lower one" remove_patch original-cmdline
expect_eq "the original is back" "$cmdline" "$(shown)"

# The same for a module, even if it is not loaded.
must "load a patch of a module" load original-other
mark_log
expect_match "a patch that calls the module's original is refused" "Device or resource busy" \
	"$(load_fails originals)"
expect_match "the log names the module's function" \
	"^originals: .original_other. replaces .originals_check. of .klp_originals. too" "$(said)"
must "remove the other" remove_patch original-other
must "the patch can be loaded now" load originals
must "another patch can be loaded on top" load original-other
must "load the module under both" load klp_originals
expect_match "the upper patch is called in the module" '^check 0 0$' "$(cat /proc/klp_originals)"
must "remove the upper one of the module" remove_patch original-other
expect_match "the lower patch is called in the module" '^check -16 0$' "$(cat /proc/klp_originals)"
must "remove the lower one of the module" remove_patch originals
must "unload the module" unload klp_originals
