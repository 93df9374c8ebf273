# SPDX-License-Identifier: GPL-2.0-only
# The original is the kernel's function: a patch that calls it and would skip another patch is refused.

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
expect_match "one that calls its original is refused" "Device or resource busy" \
	"$(load_fails original-cmdline)"
expect_eq "the log says why, and what to do" \
	"original_cmdline: \`livepatch_sample\` replaces \`cmdline_proc_show\` of \`vmlinux\` too, and calling the original would skip that: put both into one patch with \`replace\`, or disable \`livepatch_sample\` first" \
	"$(said)"
expect_eq "nothing was patched" "$sample" "$(shown)"
check "and nothing is left" test ! -e "$LIVEPATCH/original_cmdline"
must "a cumulative one may, for it replaces the other" load original-cumulative
expect_eq "it calls the kernel's" "all new: $cmdline|after" "$(shown)"
must "the replaced patch has gone" wait_until patch_gone livepatch-sample
must "unload the replaced patch" unload livepatch-sample

mark_log
expect_match "two that call it do not go together either" "Device or resource busy" \
	"$(load_fails original-cmdline)"
expect_match "the log names the one that is there" "original_cumulative" "$(said)"
must "remove the cumulative one" remove_patch original-cumulative

# Above another patch.
must "load the patch that calls the original" load original-cmdline
expect_eq "it calls the kernel's, too" "$called" "$(shown)"
must "load a patch of the same function on top" load livepatch-sample
expect_eq "the upper one answers" "$sample" "$(shown)"
must "remove the upper one" remove_patch livepatch-sample
expect_eq "the lower one answers again" "$called" "$(shown)"
must "remove the lower one" remove_patch original-cmdline
expect_eq "all is as it was" "$cmdline" "$(shown)"

# Of a module that is not there: it does not matter.
must "load a patch of a module" load original-other
mark_log
expect_match "one that calls the original there is refused" "Device or resource busy" \
	"$(load_fails originals)"
expect_match "for the module's function" \
	"^originals: .original_other. replaces .originals_check. of .klp_originals. too" "$(said)"
must "remove the other" remove_patch original-other
must "now it can be loaded" load originals
must "and another on top" load original-other
must "the module comes to both" load klp_originals
expect_match "the upper one answers in the module" '^check 0 0$' "$(cat /proc/klp_originals)"
must "remove the upper one of the module" remove_patch original-other
expect_match "the lower one answers in the module" '^check -16 0$' "$(cat /proc/klp_originals)"
must "remove the lower one of the module" remove_patch originals
must "unload the module" unload klp_originals
