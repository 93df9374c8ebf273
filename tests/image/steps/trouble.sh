# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Commands at once, patches of all kinds, tasks that never leave, memory that is short, and power cuts while a patch is replaced.

# loaded - the patches that the kernel has.
loaded() {
	ls $LIVEPATCH | xargs
}

# whole - what is installed is whole, and no other file is there.
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

	# Patches in C, and of kpatch's kind.
	check "a patch in C is checked" ctl_status 0 --dry-run load $MODULES/steady.ko
	check "so is one of kpatch's kind" ctl_status 0 --dry-run load $MODULES/kpatch-kind.ko
	must "that is loaded" ctl_status 0 load --unchecked $MODULES/kpatch-kind.ko
	check "and in effect" grep -q "the kind of kpatch" /proc/uptime
	check "status knows it" ctl_status 0 status
	expect_match "with what it patches" "vmlinux: uptime_proc_show" "$(said)"
	must "and unloaded" ctl_status 0 unload kpatch-kind
	check "it is gone" test ! -e /sys/module/kpatch_kind

	# Two at once.
	ctl=/usr/sbin/klpctl
	$ctl install --now --unchecked $MODULES/steady.ko >/tmp/first 2>&1 &
	local first=$! second
	$ctl load --unchecked $MODULES/kpatch-kind.ko >/tmp/second 2>&1 &
	second=$!
	for _ in 1 2 3; do
		check "status answers meanwhile" eval "$ctl status >/tmp/ctl 2>&1 || [ \$? = 3 ]"
	done
	wait $first
	expect_eq "the one is done" 0 $?
	wait $second
	expect_eq "and so is the other" 0 $?
	expect_eq "both are loaded" "kpatch_kind steady" "$(loaded)"
	for _ in 1 2 3 4; do
		$ctl uninstall --now --missing-ok steady >/tmp/first 2>&1 &
		first=$!
		$ctl install --now --unchecked $MODULES/steady.ko >/tmp/second 2>&1 &
		second=$!
		wait $first
		expect_eq "against each other, the one is done" 0 $?
		wait $second
		expect_eq "and the other" 0 $?
		check "what is installed is whole" whole
	done
	must "all is taken out" ctl_status 0 uninstall --now --missing-ok steady
	must "both of it" ctl_status 0 unload kpatch_kind
	expect_eq "nothing is loaded" "" "$(loaded)"

	# A task that never leaves.
	check "a transition that never ends is reverted" ctl_status 7 load --unchecked --timeout 3 $MODULES/stuck.ko
	expect_match "with the task that held it up" "kswapd" "$(said)"
	expect_eq "all is as before" "" "$(loaded)"
	check "and its module is gone" test ! -e /sys/module/stuck
	check "installed, too" ctl_status 7 install --now --unchecked --timeout 3 $MODULES/stuck.ko
	expect_match "it is kept for the next boot" "will be loaded at the next boot" "$(said)"
	check "the boot does not wait for it for ever" ctl_status 1 boot --unchecked --timeout 3
	must "it is taken out" ctl_status 0 uninstall stuck
	check "status has forgotten it" ctl_status 0 status
	expect_no_match "altogether" "stuck" "$(said)"

	# Memory that is short: klpctl is ended at some point, wherever that is.
	local limit killed=0
	for limit in 1 2 3 4 5 6 8 10 12; do
		systemd-run --quiet --wait --pipe -p MemoryMax=${limit}M -p MemorySwapMax=0 \
			/usr/sbin/klpctl install --now --unchecked $MODULES/steady.ko >/tmp/short 2>&1 || killed=$((killed + 1))
		check "with $limit MiB, status answers" eval "$ctl status >/tmp/ctl 2>&1 || [ \$? = 3 ]"
		check "and what is installed is whole" eval "whole || ctl_status 0 boot --unchecked && whole"
		ctl_status 0 uninstall --now --missing-ok steady || said
		check "and the next command mends it" eval "[ -z \"$(loaded)\" ]"
	done
	check "that was too little at least once" test $killed -gt 0
	must "with all there is, it is loaded" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	must "the machine is healthy" ctl_status 0 boot --healthy

	# A disk that is full.
	dd if=/dev/zero of=/fill bs=1M >/dev/null 2>&1
	dd if=/dev/zero of=/fill2 bs=4k >/dev/null 2>&1
	check "on a full disk" fails ctl_status 0 install --unchecked $MODULES/kpatch-kind.ko
	check "nothing is half written" whole
	expect_match "and it is said" "No space left" "$(/usr/sbin/klpctl install --unchecked $MODULES/kpatch-kind.ko 2>&1)"
	rm -f /fill /fill2
	expect_eq "what was there is there" "0001-steady.ko" "$(ls "$store/$release")"
}

# The host ends the machine in the middle of this.
step_replace() {
	check "what is installed is loaded" grep -qx steady /proc/version
	must "the machine is healthy" ctl_status 0 boot --healthy
	cp $MODULES/versioned.ko /tmp/versioned.ko
	sed 's/versioned/versionee/g' $MODULES/versioned.ko >/tmp/versionee.ko
	cut_power
	while :; do
		ctl_status 0 replace --unchecked /tmp/versioned.ko
		ctl_status 0 replace --unchecked /tmp/versionee.ko
	done
}

step_replaced() {
	expect_eq "what is installed is loaded" steady "$(loaded)"
	check "and in effect" grep -qx steady /proc/version
	expect_eq "the unit is content" active "$(state klpctl.service)"
	check "status says so" ctl_status 0 status
	check "what is installed is whole" whole
	step_replace
}

step_mended() {
	expect_eq "what is installed is loaded" steady "$(loaded)"
	expect_eq "the unit is content" active "$(state klpctl.service)"
	check "what is installed is whole" whole
	must "the patch is taken out" ctl_status 0 uninstall --now steady
	expect_eq "nothing is loaded" "" "$(loaded)"
}
