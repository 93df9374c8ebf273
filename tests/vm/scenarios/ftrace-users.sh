# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# Known warning: bpf_tramp_ftrace_ops_func
# All ftrace users that can share a function with a patch: tracers, probes, and BPF programs. They are
# attached before the patch or after it, stay when it changes, and are detached before it or after it. The
# right version is called, and all users see the calls.

. /klp/vm/lib.sh
. /klp/vm/ftrace-users.sh || exit

must "load the module" load klp_entries
attach_all
look_and_judge "nothing is patched" ""

must "load the patch" load entries-first
look_and_judge "the patch came after them" first
settle_and_judge "the patch came after them" entries_first first
detach_all
look_and_judge "they left" first
settle_and_judge "they left" entries_first first

attach_all
look_and_judge "they came after the patch" first
detach_all
look_and_judge "they left again" first
attach_all

must "load a second patch" load entries-second
look_and_judge "two patches" second
settle_and_judge "two patches" entries_second second
must "remove the second patch" remove_patch entries-second
look_and_judge "one patch again" first
settle_and_judge "one patch again" entries_first first

must "load a patch that replaces the first" load entries-only
must "the first patch is gone" wait_until patch_gone entries-first
must "unload the first patch" unload entries-first
look_and_judge "replaced" replaced
settle_and_judge "replaced" entries_only replaced

must "disable the patch" disable entries-only
look_and_judge "the patch left" ""
must "unload the patch" unload entries-only
detach_all
look_and_judge "all left" ""
must "unload the module" unload klp_entries
