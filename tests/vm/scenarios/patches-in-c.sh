# SPDX-License-Identifier: GPL-2.0-only
# Guarantees that patches in C rely on, with either livepatch core.

. /klp/vm/lib.sh

# One function by two of its names. The C core then mistakes a list head for a function, and searches stacks for an
# arbitrary range: the transition may not end.
if [ -d /sys/kernel/debug/livepatch ]; then
	shown() { cat /proc/klp_vault; }
	must "load the module" load klp_vault
	must "load a patch of one function by two names" load two-names
	expect_eq "the later name is on top" second "$(shown)"
	sleep 0.5
	expect_eq "it stays so" second "$(shown)"
	must "remove it" remove_patch two-names
	expect_eq "the function is the original" "worth 700" "$(shown)"
	must "load it again" load two-names
	must "unload the module under it" unload klp_vault
	must "load the module again" load klp_vault
	expect_eq "the later name is on top again" second "$(shown)"
	must "remove it again" remove_patch two-names
	must "unload the module" unload klp_vault
fi

# The macros of linux/livepatch.h.
must "load another patch" load livepatch-sample
mark_log
must "load a patch that lists its functions" load lists
must "the other patch is gone" wait_until patch_gone livepatch-sample
log=$(log_since | grep '^lists: ')
at='at version_proc_show (1 bytes) to version_show [lists] (1 bytes)'
nop='at cmdline_proc_show (1 bytes) to cmdline_proc_show (1 bytes) nop'
expect_eq "before patching" "lists: pre_patch: vmlinux version_proc_show,0 $at transition
lists: pre_patch: vmlinux cmdline_proc_show,0 $nop transition" "$(grep pre_patch <<<"$log")"
expect_eq "after patching, without those that were replaced" \
	"lists: post_patch: vmlinux version_proc_show,0 $at patched" "$(grep post_patch <<<"$log")"
mark_log
must "disable it" disable lists
log=$(log_since | grep '^lists: ')
expect_eq "before unpatching" "lists: pre_unpatch: vmlinux version_proc_show,0 $at patched transition" \
	"$(grep pre_unpatch <<<"$log")"
expect_eq "after unpatching" "lists: post_unpatch: vmlinux version_proc_show,0 $at" \
	"$(grep post_unpatch <<<"$log")"
must "unload it" unload lists
must "unload the other patch" unload livepatch-sample

# A module that is refused leaves nothing behind in the patch.
must "load a patch that lacks a symbol of a module" load missing-late
for round in "a first time" "a second time"; do
	mark_log
	expect_match "the module is refused $round" "." "$(load_fails klp_vault)"
	# The C core does not clear the relocations of the first section, and reports them.
	[ ! -d /sys/kernel/debug/livepatch ] || expect_match "for the missing symbol, $round" \
		"^livepatch: symbol 'klp_test_no_such_variable' not found" "$(log_since)"
done
must "remove it" remove_patch missing-late
