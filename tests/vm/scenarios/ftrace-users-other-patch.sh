# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# Known warning: bpf_tramp_ftrace_ops_func
# Those who are at the entries of functions before a patch of them comes, while a patch of something else
# is there: the livepatch core is no stranger to ftrace then.

. /klp/vm/lib.sh
. /klp/vm/ftrace-users.sh || exit

must "load a patch of something else" load livepatch-syscall
must "load the module" load klp_entries
attach_all
must "load the patch" load entries-first
look_and_judge "the patch came after them" first
settle_and_judge "the patch came after them" entries_first first
must "remove the patch" remove_patch entries-first
look_and_judge "the patch left" ""
must "remove the patch of something else" remove_patch livepatch-syscall
look_and_judge "all patches left" ""
detach_all
must "unload the module" unload klp_entries
