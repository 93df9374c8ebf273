# SPDX-License-Identifier: GPL-2.0-only
# Registered patches: loading only shows them, and they can be enabled and disabled many times.

. /klp/vm/lib.sh

if ! grep -qw klp_register_patch /proc/kallsyms; then
	# Registered patches are not built for other cores.
	expect_eq "this livepatch core has no registered patches" "" \
		"$(ls "$MODULES" | grep -E '^(registered|lifecycle)')"
	exit
fi

patch=$LIVEPATCH/registered
linux=$(cat /proc/version)

# refused WORD FILE - whether writing WORD is refused.
refused() {
	! echo "$1" >"$2"
}

refused_rmmod() {
	! rmmod registered
}

# said - the callbacks since mark_log. The first module of a boot also gets the module loader's lines about taints.
said() {
	log_since | sed -n '/ taint/d; s/^registered: //p' | paste -sd ' '
}

mark_log
must "load the patch" insmod "$(module_file registered)"
expect_eq "it is registered, and not enabled" "0 0" "$(cat $patch/enabled $patch/transition | paste -sd ' ')"
check "sysfs has its functions" [ -d "$patch/vmlinux/version_proc_show,1" ]
expect_eq "it has no effect" "$linux" "$(cat /proc/version)"
expect_eq "its module has no references" 0 "$(cat /sys/module/registered/refcnt)"
check "disabling it is refused" refused 0 $patch/enabled
for round in 1 2 3; do
	check "enable it ($round)" bash -c "echo 1 >$patch/enabled"
	must "its transition ends ($round)" wait_until settled registered
	expect_eq "it has effect ($round)" patched "$(cat /proc/version)"
	check "enabling it again is refused ($round)" refused 1 $patch/enabled
	check "its module cannot be unloaded ($round)" refused_rmmod
	[ $round != 2 ] || sleep 0.5
	echo 0 >$patch/enabled
	must "it is disabled ($round)" wait_until grep -q 0 $patch/transition
	expect_eq "it no longer has effect ($round)" "$linux" "$(cat /proc/version)"
done
expect_eq "callbacks run each time" \
	"pre_patch post_unpatch pre_patch post_unpatch pre_patch post_unpatch" "$(said)"

# Modules are loaded and unloaded.
must "load a module that it patches" load klp_vault
expect_eq "it has no effect on the module" "worth 700" "$(cat /proc/klp_vault)"
echo 1 >$patch/enabled
must "its transition ends" wait_until settled registered
expect_eq "it has effect on the module" patched "$(cat /proc/klp_vault)"
must "unload the module" unload klp_vault
must "load the module again" load klp_vault
expect_eq "it has effect on the module again" patched "$(cat /proc/klp_vault)"
echo 0 >$patch/enabled
must "it is disabled" wait_until grep -q 0 $patch/transition

# Another patch, enabled and disabled by its own module.
other=$LIVEPATCH/lifecycle_in_c
wanted=/sys/module/lifecycle_in_c/parameters/wanted
must "load a patch in C" insmod "$(module_file lifecycle-in-c)"
expect_eq "it is not enabled" 0 "$(cat $other/enabled)"
for round in 1 2; do
	check "klp_enable_patch() ($round)" bash -c "echo 1 >$wanted"
	must "its transition ends ($round)" wait_until settled lifecycle-in-c
	expect_eq "it has effect ($round)" patched "$(cat /proc/version)"
	check "klp_enable_patch() is refused now ($round)" refused 1 $wanted
	check "klp_disable_patch() ($round)" bash -c "echo 0 >$wanted"
	must "it is disabled ($round)" wait_until grep -q 0 $other/transition
done

# A cumulative patch disables registered ones, which stay registered.
echo 1 >$other/enabled
must "enable it once more" wait_until settled lifecycle-in-c
must "load a patch that replaces others" load lists
must "it is disabled" wait_until grep -q 0 $other/enabled
must "remove the other" remove_patch lists
echo 1 >$other/enabled
must "it can be enabled again" wait_until settled lifecycle-in-c
echo 0 >$other/enabled
must "it can be disabled again" wait_until grep -q 0 $other/transition

must "unload the patch in C" unload lifecycle-in-c
must "unload the patch" unload registered
check "their folders are gone" [ ! -e $patch -a ! -e $other ]
must "unload the module at the end" unload klp_vault
