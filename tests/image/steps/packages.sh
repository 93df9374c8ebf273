# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# klpctl and patches from packages: upgrades, also to a version that crashes the machine, and removal.

patches="livepatch-versioned-$release"

# installed - the patches in klpctl's store for this kernel.
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
	must "the package is purged" dpkg --purge --force-all "$patches"
	must "klpctl is installed" packaged klpctl_ linux-image-
	# shellcheck disable=SC2086
	expect_eq "its units are enabled" "enabled enabled enabled" "$(systemctl is-enabled $units | xargs)"
	check "the unit that notes orderly shutdowns is active" is_active klpctl-trial.service
	must "a patch is installed" patch 1.1
	expect_eq "the patch is loaded" versioned_1_1 "$(cat /proc/version)"
	expect_eq "the patch is in the store" versioned_1_1 "$(installed)"
	must "a second patch is installed" packaged livepatch-steady-
	expect_eq "the second patch is on top of the first" steady "$(cat /proc/version)"
	check "klpctl status succeeds" ctl_status 0 status
	expect_match "status shows the first patch, too" "versioned_1_1: loaded, and on trial" "$(said)"
	must "front ends for other tools are installed" packaged klpctl-compat_
	expect_match "the front ends list the patches" "^steady \[enabled\]" "$(kpatch list)"
	must "the front ends are removed" dpkg --purge klpctl-compat
	must "the second patch is removed" dpkg --remove "livepatch-steady-$release"
	expect_eq "the first patch is in effect again" versioned_1_1 "$(cat /proc/version)"
	expect_eq "only the first patch is loaded" versioned_1_1 "$(ls $LIVEPATCH)"
}

# The machine crashes two seconds after the second upgrade.
step_upgrade() {
	expect_eq "the patch was loaded at boot" versioned_1_1 "$(cat /proc/version)"
	must "the patch is upgraded" patch 1.2
	expect_eq "the new version is loaded at once" versioned_1_2 "$(cat /proc/version)"
	expect_eq "the old version is kept as a fallback" "versioned_1_1 versioned_1_2" "$(installed)"
	must "the trial is ended" ctl_status 0 boot --healthy
	expect_eq "the old version is uninstalled" versioned_1_2 "$(installed)"
	must "the same package is installed again" patch 1.2
	expect_eq "the same package changes nothing" versioned_1_2 "$(installed)"
	check "the same package starts no trial" trial_over
	check "its fix is known" ctl_status 0 fixes CVE-2026-0002
	patch 1.3
	sleep 60
	check "the machine crashes" false
}

# The bad version is held, and its predecessor loaded.
step_predecessor() {
	expect_eq "the predecessor is loaded" versioned_1_2 "$(cat /proc/version)"
	expect_eq "the unit has failed" failed "$(state klpctl.service)"
	check "klpctl status succeeds" ctl_status 0 status
	expect_match "status shows the bad version as held" "versioned_1_3: held out: the machine went down" "$(said)"
	expect_match "status shows the predecessor" "versioned_1_2: loaded, and on trial" "$(said)"
	check "klpctl metrics succeeds" ctl_status 0 metrics
	expect_match "metrics show the bad version as held" 'klp_installed_patch\{patch="versioned_1_3",state="held"\} 1' "$(said)"
	sed 's/^/@metric /' /tmp/ctl
	must "dpkg completes the interrupted installation" dpkg --configure --pending
	expect_eq "dpkg does not load the bad version" versioned_1_2 "$(cat /proc/version)"
	expect_match "the bad version is still held" "versioned_1_3" "$(ls "$store/$release/held")"
	must "the predecessor's package is installed again" patch 1.2
	expect_eq "the predecessor is in effect" versioned_1_2 "$(cat /proc/version)"
	expect_eq "only the predecessor is installed" versioned_1_2 "$(installed)"
	check "no patch is held" test ! -e "$store/$release/held"
	check "klpctl boot succeeds again" ctl_status 0 boot
	must "the trial is ended" ctl_status 0 boot --healthy
}

# Packages are removed.
step_removed() {
	expect_eq "the patch was loaded at boot" versioned_1_2 "$(cat /proc/version)"
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	check "klpctl cannot be removed while a patch needs it" fails dpkg --remove klpctl
	must "the patch is removed" dpkg --remove "$patches"
	check "the patch is disabled" test -z "$(ls $LIVEPATCH)"
	check "its module is unloaded" test ! -e /sys/module/versioned_1_2
	check "the patch is uninstalled" test -z "$(installed)"
	systemctl stop klpctl-trial.service
	must "a patch without a package is installed" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	expect_match "klpctl warns that a shutdown would count as a crash" "klpctl-trial.service is not active" "$(said)"
	must "klpctl is removed" dpkg --remove klpctl
	check "the patch stays loaded" grep -qx steady /proc/version
	check "the patch stays installed" test -e "$store/$release/0001-steady.ko"
	check "the units are gone" test -z "$(ls /etc/systemd/system/*/klpctl* 2>/dev/null)"
	must "klpctl is purged" dpkg --purge klpctl
	check "the store is removed" test ! -e $store
}
