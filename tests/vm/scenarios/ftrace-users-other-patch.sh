# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# Known warning: bpf_tramp_ftrace_ops_func
# Ftrace users are attached before a patch of the same functions, while a patch of another function is
# loaded: the livepatch core's ftrace_ops is registered already then.

. /klp/vm/lib.sh
. /klp/vm/ftrace-users.sh || exit

must "load a patch of another function" load livepatch-syscall
must "load the module" load klp_entries
attach_all
must "load the patch" load entries-first
look_and_judge "the patch came after them" first
settle_and_judge "the patch came after them" entries_first first
must "remove the patch" remove_patch entries-first
look_and_judge "the patch left" ""
must "remove the patch of another function" remove_patch livepatch-syscall
look_and_judge "all patches left" ""
detach_all
must "unload the module" unload klp_entries
