# SPDX-License-Identifier: GPL-2.0-only
# A module is unloaded while a patch of it is in transition, and tasks that have not switched go to sleep: the scheduler
# does not access freed memory.

. /klp/vm/lib.sh

parameters=/sys/module/klp_flaws/parameters

must "load the modules" load klp_entries
must "load the module to wait in" load klp_flaws
echo Y >$parameters/waiting
cat /sys/kernel/klp_flaws/waiting >/dev/null &
reader=$!
sleep 0.5
check "load the patch" insmod "$(module_file flaw-lookup)"
expect_eq "its transition goes on" 1 "$(cat $LIVEPATCH/flaw_lookup/transition)"
must "unload the module" unload klp_entries
expect_eq "the reader still waits" 0 "$(cat /proc/$reader/patch_state)"
echo N >$parameters/waiting
wait $reader
must "the transition ends" wait_until settled flaw-lookup
must "remove the patch" remove_patch flaw-lookup
must "unload the module to wait in" unload klp_flaws
