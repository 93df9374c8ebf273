# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# Tracers of all functions, and probes in a module that is loaded after them and after the patch, unloaded,
# and loaded again.
# Limit: 400 s

. /klp/vm/lib.sh
. /klp/vm/ftrace-users.sh || exit

attach_everywhere function
attach kprobe vmlinux module
attach kretprobe vmlinux module
must "load the patch, without the module" load entries-first
look_and_judge "the module is not there" first
must "load the module" load klp_entries
look_and_judge "the module came" first
settle_and_judge "the module came" entries_first first

detach function
attach_everywhere graph
must "unload the module" unload klp_entries
look_and_judge "the module went" first
must "load the module again" load klp_entries
look_and_judge "the module came again" first
settle_and_judge "the module came again" entries_first first

must "remove the patch" remove_patch entries-first
look_and_judge "the patch left" ""
detach_all
must "unload the module" unload klp_entries
