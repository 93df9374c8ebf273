# SPDX-License-Identifier: GPL-2.0-only
# Immediate patches: all tasks call the replacements at once, and the modules stay loaded.
# Pins: immediate immediate_in_c

. /klp/vm/lib.sh

if ! grep -qw klp_register_patch /proc/kallsyms; then
	expect_eq "this livepatch core has no immediate patches" "" \
		"$(ls "$MODULES" | grep '^immediate')"
	exit
fi

linux=$(cat /proc/version)
is_pinned() {
	[ "$(cat /sys/module/$1/refcnt)" -gt 0 ] && ! rmmod $1
}

must "load a registered patch with an immediate function" insmod "$(module_file immediate)"
patch=$LIVEPATCH/immediate
for round in 1 2 3; do
	echo 1 >$patch/enabled
	expect_eq "the function is replaced at once ($round)" "patched at once" "$(cat /proc/version)"
	must "its transition ends ($round)" wait_until settled immediate
	expect_eq "the other one is replaced ($round)" patched "$(cat /proc/cmdline)"
	echo 0 >$patch/enabled
	must "it is disabled ($round)" wait_until grep -q 0 $patch/transition
	expect_eq "it no longer has effect ($round)" "$linux" "$(cat /proc/version)"
	must "its module stays ($round)" is_pinned immediate
done

# An immediate patch does not wait for a task in the function.
must "load a module to wait in" load klp_flaws
echo Y >/sys/module/klp_flaws/parameters/waiting
cat /sys/kernel/klp_flaws/waiting >/tmp/waited &
reader=$!
sleep 0.3
patch=$LIVEPATCH/immediate_in_c
check "load an immediate patch" insmod "$(module_file immediate-in-c)"
expect_eq "no transition runs" "1 0" "$(cat $patch/enabled $patch/transition | paste -sd ' ')"
expect_eq "it has effect" patched "$(cat /sys/kernel/klp_flaws/waiting)"
check "the task still waits in the old function" kill -0 $reader
mark_log
echo 0 >$patch/enabled
must "it is gone" wait_until patch_gone immediate-in-c
expect_match "its unpatching is complete" "^livepatch: 'immediate_in_c': unpatching complete" "$(log_since)"
must "its module stays" is_pinned immediate_in_c
echo N >/sys/module/klp_flaws/parameters/waiting
wait $reader
expect_eq "the task returned from the old function" module "$(cat /tmp/waited)"
rm /tmp/waited
must "unload the module" unload klp_flaws
