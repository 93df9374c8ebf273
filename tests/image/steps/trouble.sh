# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Concurrent commands, patches of all kinds, a task that never leaves, low memory, a full disk, and power cuts while a
# patch is replaced.

# loaded - the loaded patches.
loaded() {
	ls $LIVEPATCH | xargs
}

# whole - whether all installed files are complete, and no partial file is left.
whole() {
	local file
	for file in "$store/$release"/*.ko; do
		[ -e "$file" ] || continue
		/usr/sbin/klpctl info "$file" >/tmp/whole 2>&1 || {
			cat /tmp/whole
			return 1
		}
	done
	[ -z "$(find $store -name '.partial*')" ]
}

step_trouble() {
	must "klpctl is installed" packaged klpctl_

	# Patches in C, and like those of kpatch-build.
	check "a patch in C passes the check" ctl_status 0 --dry-run load $MODULES/steady.ko
	check "a kpatch-style patch passes the check" ctl_status 0 --dry-run load $MODULES/kpatch-kind.ko
	must "the kpatch-style patch is loaded" ctl_status 0 load --unchecked $MODULES/kpatch-kind.ko
	check "the kpatch-style patch is in effect" grep -q "the kind of kpatch" /proc/uptime
	check "klpctl status succeeds" ctl_status 0 status
	expect_match "status shows the patched function" "vmlinux: uptime_proc_show" "$(said)"
	must "the kpatch-style patch is unloaded" ctl_status 0 unload kpatch-kind
	check "its module is gone" test ! -e /sys/module/kpatch_kind

	# Two commands in parallel.
	ctl=/usr/sbin/klpctl
	$ctl install --now --unchecked $MODULES/steady.ko >/tmp/first 2>&1 &
	local first=$! second
	$ctl load --unchecked $MODULES/kpatch-kind.ko >/tmp/second 2>&1 &
	second=$!
	for _ in 1 2 3; do
		check "klpctl status works meanwhile" eval "$ctl status >/tmp/ctl 2>&1 || [ \$? = 3 ]"
	done
	wait $first
	expect_eq "the first of two parallel commands succeeds" 0 $?
	wait $second
	expect_eq "the second of two parallel commands succeeds" 0 $?
	expect_eq "both patches are loaded" "kpatch_kind steady" "$(loaded)"
	for _ in 1 2 3 4; do
		$ctl uninstall --now --missing-ok steady >/tmp/first 2>&1 &
		first=$!
		$ctl install --now --unchecked $MODULES/steady.ko >/tmp/second 2>&1 &
		second=$!
		wait $first
		expect_eq "the first of two conflicting commands succeeds" 0 $?
		wait $second
		expect_eq "the second of two conflicting commands succeeds" 0 $?
		check "installed files are complete" whole
	done
	must "one patch is uninstalled" ctl_status 0 uninstall --now --missing-ok steady
	must "the other patch is unloaded" ctl_status 0 unload kpatch_kind
	expect_eq "nothing is loaded" "" "$(loaded)"

	# A task that never leaves.
	check "a transition that never ends is reverted" ctl_status 7 load --unchecked --timeout 3 $MODULES/stuck.ko
	expect_match "the blocking task is reported" "kswapd" "$(said)"
	expect_eq "no patch is loaded" "" "$(loaded)"
	check "the module of the reverted patch is gone" test ! -e /sys/module/stuck
	check "a stalled installation fails" ctl_status 7 install --now --unchecked --timeout 3 $MODULES/stuck.ko
	expect_match "the patch is kept for the next boot" "will be loaded at the next boot" "$(said)"
	check "klpctl boot does not wait forever" ctl_status 1 boot --unchecked --timeout 3
	must "the patch is uninstalled" ctl_status 0 uninstall stuck
	check "klpctl status succeeds" ctl_status 0 status
	expect_no_match "status does not show the uninstalled patch" "stuck" "$(said)"

	# Low memory: klpctl is killed at an arbitrary point.
	local limit killed=0
	for limit in 1 2 3 4 5 6 8 10 12; do
		systemd-run --quiet --wait --pipe -p MemoryMax=${limit}M -p MemorySwapMax=0 \
			/usr/sbin/klpctl install --now --unchecked $MODULES/steady.ko >/tmp/short 2>&1 || killed=$((killed + 1))
		check "after $limit MiB, klpctl status works" eval "$ctl status >/tmp/ctl 2>&1 || [ \$? = 3 ]"
		check "after $limit MiB, installed files are complete" eval "whole || ctl_status 0 boot --unchecked && whole"
		ctl_status 0 uninstall --now --missing-ok steady || said
		check "after $limit MiB, the next command recovers" eval "[ -z \"$(loaded)\" ]"
	done
	check "klpctl was killed at least once" test $killed -gt 0
	must "without a memory limit, the patch is loaded" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	must "the trial is ended" ctl_status 0 boot --healthy

	# A full disk.
	dd if=/dev/zero of=/fill bs=1M >/dev/null 2>&1
	dd if=/dev/zero of=/fill2 bs=4k >/dev/null 2>&1
	check "installation on a full disk fails" fails ctl_status 0 install --unchecked $MODULES/kpatch-kind.ko
	check "no partial file is left" whole
	expect_match "the full disk is reported" "No space left" "$(/usr/sbin/klpctl install --unchecked $MODULES/kpatch-kind.ko 2>&1)"
	rm -f /fill /fill2
	expect_eq "the installed patch is still there" "0001-steady.ko" "$(ls "$store/$release")"
}

# The host cuts the power during this.
step_replace() {
	check "the installed patch is in effect" grep -qx steady /proc/version
	must "the trial is ended" ctl_status 0 boot --healthy
	cp $MODULES/versioned.ko /tmp/versioned.ko
	sed 's/versioned/versionee/g' $MODULES/versioned.ko >/tmp/versionee.ko
	cut_power
	while :; do
		ctl_status 0 replace --unchecked /tmp/versioned.ko
		ctl_status 0 replace --unchecked /tmp/versionee.ko
	done
}

step_replaced() {
	expect_eq "the installed patch is loaded" steady "$(loaded)"
	check "the installed patch is in effect" grep -qx steady /proc/version
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	check "klpctl status succeeds" ctl_status 0 status
	check "installed files are complete" whole
	step_replace
}

step_mended() {
	expect_eq "the installed patch is loaded" steady "$(loaded)"
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	check "installed files are complete" whole
	must "the patch is uninstalled" ctl_status 0 uninstall --now steady
	expect_eq "nothing is loaded" "" "$(loaded)"
}
