# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A patch that is loaded at each boot, one that crashes the machine, another kernel, and power cuts.

# version NUMBER - makes the steady patch in that version.
version() {
	sed "s/version=1\.0/version=$1.0/" $MODULES/steady.ko >"/tmp/steady-$1.ko"
}

# Installs the program, its units, and a patch.
step_install() {
	must "klpctl is installed" packaged klpctl_
	for unit in /usr/lib/systemd/system/klpctl*; do
		expect_eq "systemd-analyze finds no error in ${unit##*/}" "" \
			"$(systemd-analyze verify "$unit" 2>&1 | grep -F "${unit##*/}" | grep -v 'man klpctl')"
	done
	# shellcheck disable=SC2086
	expect_eq "its units are enabled" "enabled enabled enabled" "$(systemctl is-enabled $units | xargs)"
	must "a patch is installed" ctl_status 0 install --unchecked $MODULES/steady.ko
	check "it is not loaded yet" test ! -e $LIVEPATCH/steady
}

# The patch is applied after a reboot.
step_applied() {
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	check "the patch is applied" grep -qx steady /proc/version
	check "klpctl status succeeds" ctl_status 0 status
	expect_match "status shows the patch on trial" "steady: loaded, and on trial" "$(said)"
	check "its fix is known" ctl_status 0 fixes CVE-2026-0001
	check "the timer of the trial runs" wait_until is_state klpctl-healthy.timer active
	check "metrics are written" ctl_status 0 metrics --output /tmp/klp.prom
	sed 's/^/@metric /' /tmp/klp.prom
	expect_match "the journal has the patch" "steady: applied" "$(journalctl -b -t klpctl -o cat)"
	expect_match "the unit's exposure level is low" "Overall exposure level.* [0-3]\.[0-9] OK|: [0-4]\.[0-9] OK" \
		"$(systemd-analyze security --no-pager klpctl.service | tail -1)"
}

# The patch is not held after an orderly shutdown during the trial. The trial ends by itself.
step_healthy() {
	check "the patch is applied again" grep -qx steady /proc/version
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	check "the patch is on trial" test -e $store/trial
	mkdir -p /run/systemd/system/klpctl-healthy.timer.d
	printf '[Timer]\nOnActiveSec=\nOnActiveSec=3s\n' >/run/systemd/system/klpctl-healthy.timer.d/soon.conf
	must "the trial is made shorter" systemctl daemon-reload
	systemctl stop klpctl-healthy.path klpctl-healthy.timer
	must "the trial starts anew" systemctl start klpctl-healthy.path
	check "the trial ends" wait_until trial_over
	expect_match "the journal has the end of the trial" "no longer on trial: steady" "$(journalctl -b -t klpctl -o cat)"
	check "the timer has ended" wait_until is_state klpctl-healthy.timer inactive
	check "the patch stays" grep -qx steady /proc/version
	check "another trial starts" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	check "the other trial ends, too" wait_until trial_over
	must "a bad patch is installed" ctl_status 0 install --unchecked $MODULES/late-crash.ko
}

# The machine crashes meanwhile.
step_crash() {
	echo "@waits"
	sleep 60
	check "the machine crashes" false
}

# The patches that were on trial are held.
step_held() {
	expect_eq "the unit has failed" failed "$(state klpctl.service)"
	check "the bad patch is not loaded" test ! -e $LIVEPATCH/late_crash
	check "klpctl status succeeds" ctl_status 0 status
	expect_match "status shows the bad patch as held, with the reason" "late_crash: held out: the machine went down" "$(said)"
	must "the good patch is tried again" ctl_status 1 boot --unchecked --retry steady
	check "the good patch is applied" grep -qx steady /proc/version
	check "the bad patch is still not loaded" test ! -e $LIVEPATCH/late_crash
}

# The patch is held at later boots, too.
step_still() {
	check "the bad patch is not loaded" test ! -e $LIVEPATCH/late_crash
	check "the good patch is loaded" grep -qx steady /proc/version
	must "the bad patch is uninstalled" ctl_status 0 uninstall late_crash
	check "klpctl boot succeeds again" ctl_status 0 boot --unchecked
}

# With klp.enable=0.
step_disabled() {
	check "nothing is loaded" test -z "$(ls $LIVEPATCH)"
	expect_eq "the unit was not started" inactive "$(state klpctl.service)"
	check "klpctl status succeeds" ctl_status 0 status
	expect_match "status shows the reason" "command line has klp.enable=0" "$(said)"
	check "klpctl boot succeeds" ctl_status 0 boot
	check "klpctl boot loads nothing" test -z "$(ls $LIVEPATCH)"
	# As after an upgrade: the patch is installed for another kernel.
	mv "$store/$release" "$store/9.9-old"
}

# After an upgrade of the kernel.
step_upgraded() {
	check "nothing is loaded" test -z "$(ls $LIVEPATCH)"
	expect_eq "nothing has failed" active "$(state klpctl.service)"
	check "klpctl status succeeds" ctl_status 0 status
	expect_match "status shows the patch for another kernel" "installed for kernel 9.9-old, which is not running: steady" "$(said)"
	expect_match "status shows that this kernel has none" "nothing is installed for ${release//+/\\+}" "$(said)"
	must "a patch for this kernel is installed and loaded" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	must "the patch for the old kernel is uninstalled" ctl_status 0 uninstall --kernel 9.9-old steady
	must "the trial is ended" ctl_status 0 boot --healthy
}

# The host cuts the power during this.
step_cut() {
	version 1
	version 2
	must "the trial is ended" ctl_status 0 boot --healthy
	cut_power
	while :; do
		ctl_status 0 install --unchecked /tmp/steady-2.ko
		ctl_status 0 install --unchecked /tmp/steady-1.ko
	done
}

# All files are complete.
step_whole() {
	version 1
	version 2
	local files=("$store/$release"/*.ko)
	expect_eq "there is one file" "$store/$release/0001-steady.ko" "${files[*]}"
	check "klpctl status succeeds" ctl_status 0 status
	check "the file is one version or the other" eval \
		"cmp -s ${files[0]} /tmp/steady-1.ko || cmp -s ${files[0]} /tmp/steady-2.ko"
	check "no partial file is left" test -z "$(ls -A "$store/$release" | grep partial)"
	check "the patch was loaded" grep -qx steady /proc/version
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	step_cut
}

# After the last power cut.
step_end() {
	check "the patch is loaded" grep -qx steady /proc/version
	must "the patch is uninstalled" ctl_status 0 uninstall --now steady
	check "no module is left" test -z "$(find $store -name '*.ko')"
}
