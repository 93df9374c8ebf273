# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# klpctl and patches from packages: upgraded, also to a version that crashes the machine, and removed.

patches="livepatch-versioned-$release"

# installed - the patches that klpctl keeps for this kernel.
installed() {
	ls "$store/$release" 2>/dev/null | sed -n 's/^[0-9]*-\(.*\)\.ko$/\1/p' | xargs
}

# patch VERSION - installs the package of the patch in that version.
patch() {
	dpkg --install "$packages/${patches}_$1"-*.deb >/tmp/dpkg 2>&1 || {
		cat /tmp/dpkg
		return 1
	}
}

step_packages() {
	check "a patch needs klpctl and its kernel" fails patch 1.1
	must "nothing is left of it" dpkg --purge --force-all "$patches"
	must "klpctl is installed" packaged klpctl_ linux-image-
	# shellcheck disable=SC2086
	expect_eq "its units are enabled" "enabled enabled enabled" "$(systemctl is-enabled $units | xargs)"
	check "and know of an orderly shutdown at once" is_active klpctl-trial.service
	must "a patch is installed" patch 1.1
	expect_eq "and loaded" versioned_1_1 "$(cat /proc/version)"
	expect_eq "and kept" versioned_1_1 "$(installed)"
	must "one beside it" packaged livepatch-steady-
	expect_eq "is loaded on top of it" steady "$(cat /proc/version)"
	check "status says so" ctl_status 0 status
	expect_match "of both" "versioned_1_1: loaded, and on trial" "$(said)"
	must "front ends for other tools are installed" packaged klpctl-compat_
	expect_match "which know the patches" "^steady \[enabled\]" "$(kpatch list)"
	must "and removed" dpkg --purge klpctl-compat
	must "that is removed" dpkg --remove "livepatch-steady-$release"
	expect_eq "and the first is in effect again" versioned_1_1 "$(cat /proc/version)"
	expect_eq "and the only one" versioned_1_1 "$(ls $LIVEPATCH)"
}

# The machine goes down two seconds after the second upgrade.
step_upgrade() {
	expect_eq "the patch was loaded at boot" versioned_1_1 "$(cat /proc/version)"
	must "the patch is upgraded" patch 1.2
	expect_eq "the new one is loaded at once" versioned_1_2 "$(cat /proc/version)"
	expect_eq "the old one stays for when it does not work" "versioned_1_1 versioned_1_2" "$(installed)"
	must "the machine is healthy" ctl_status 0 boot --healthy
	expect_eq "the old one is not needed any more" versioned_1_2 "$(installed)"
	must "the same package again" patch 1.2
	expect_eq "changes nothing" versioned_1_2 "$(installed)"
	check "and puts nothing on trial" trial_over
	check "what it fixes is known" ctl_status 0 fixes CVE-2026-0002
	patch 1.3
	sleep 60
	check "the machine goes down" false
}

# The bad version is held out, and its predecessor loaded.
step_predecessor() {
	expect_eq "the predecessor is loaded" versioned_1_2 "$(cat /proc/version)"
	expect_eq "the unit has failed" failed "$(state klpctl.service)"
	check "status says so" ctl_status 0 status
	expect_match "of the bad one" "versioned_1_3: held out: the machine went down" "$(said)"
	expect_match "and of the predecessor" "versioned_1_2: loaded, and on trial" "$(said)"
	check "so do metrics" ctl_status 0 metrics
	expect_match "as a patch that is held" 'klp_installed_patch\{patch="versioned_1_3",state="held"\} 1' "$(said)"
	sed 's/^/@metric /' /tmp/ctl
	must "what dpkg was at, it ends" dpkg --configure --pending
	expect_eq "which loads nothing" versioned_1_2 "$(cat /proc/version)"
	expect_match "it is held out still" "versioned_1_3" "$(ls "$store/$release/held")"
	must "the predecessor's package is installed again" patch 1.2
	expect_eq "that is in effect" versioned_1_2 "$(cat /proc/version)"
	expect_eq "and the only one left" versioned_1_2 "$(installed)"
	check "nothing is held out" test ! -e "$store/$release/held"
	check "nothing fails any more" ctl_status 0 boot
	must "the machine is healthy" ctl_status 0 boot --healthy
}

# Packages are removed.
step_removed() {
	expect_eq "the patch was loaded at boot" versioned_1_2 "$(cat /proc/version)"
	expect_eq "the unit is content" active "$(state klpctl.service)"
	check "klpctl stays while a patch needs it" fails dpkg --remove klpctl
	must "the patch is removed" dpkg --remove "$patches"
	check "it is unloaded" test -z "$(ls $LIVEPATCH)"
	check "and its module, too" test ! -e /sys/module/versioned_1_2
	check "and uninstalled" test -z "$(installed)"
	systemctl stop klpctl-trial.service
	must "a patch of the owner's own" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	expect_match "of which a shutdown would be taken for a crash" "klpctl-trial.service is not active" "$(said)"
	must "klpctl is removed" dpkg --remove klpctl
	check "the patch stays loaded" grep -qx steady /proc/version
	check "and installed" test -e "$store/$release/0001-steady.ko"
	check "the units are gone" test -z "$(ls /etc/systemd/system/*/klpctl* 2>/dev/null)"
	must "klpctl is purged" dpkg --purge klpctl
	check "nothing is left of it" test ! -e $store
}
