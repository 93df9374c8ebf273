# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A patch that is loaded at each boot, one that crashes the machine, another kernel, and power cuts.

# version NUMBER - the steady patch, in that version.
version() {
	sed "s/version=1\.0/version=$1.0/" $MODULES/steady.ko >"/tmp/steady-$1.ko"
}

# The program, its units, and a patch.
step_install() {
	must "klpctl is installed" packaged klpctl_
	for unit in /usr/lib/systemd/system/klpctl*; do
		expect_eq "systemd has nothing to say about ${unit##*/}" "" \
			"$(systemd-analyze verify "$unit" 2>&1 | grep -F "${unit##*/}" | grep -v 'man klpctl')"
	done
	# shellcheck disable=SC2086
	expect_eq "its units are enabled" "enabled enabled enabled" "$(systemctl is-enabled $units | xargs)"
	must "a patch is installed" ctl_status 0 install --unchecked $MODULES/steady.ko
	check "it is not loaded yet" test ! -e $LIVEPATCH/steady
}

# It is applied after a reboot, before anybody has done anything.
step_applied() {
	expect_eq "the unit has done its work" active "$(state klpctl.service)"
	check "the patch is applied" grep -qx steady /proc/version
	check "status says so" ctl_status 0 status
	expect_match "and that it is on trial" "steady: loaded, and on trial" "$(said)"
	check "what it fixes is known" ctl_status 0 fixes CVE-2026-0001
	check "the time until the machine is healthy runs" wait_until is_state klpctl-healthy.timer active
	check "its metrics are written" ctl_status 0 metrics --output /tmp/klp.prom
	sed 's/^/@metric /' /tmp/klp.prom
	expect_match "the journal knows it" "steady: applied" "$(journalctl -b -t klpctl -o cat)"
	expect_match "systemd finds little to complain about" "Overall exposure level.* [0-3]\.[0-9] OK|: [0-4]\.[0-9] OK" \
		"$(systemd-analyze security --no-pager klpctl.service | tail -1)"
}

# A shutdown in order during the trial was no reason to hold it out; and the machine becomes healthy by itself.
step_healthy() {
	check "the patch is applied again" grep -qx steady /proc/version
	expect_eq "the unit is content" active "$(state klpctl.service)"
	check "the patch is on trial" test -e $store/trial
	mkdir -p /run/systemd/system/klpctl-healthy.timer.d
	printf '[Timer]\nOnActiveSec=\nOnActiveSec=3s\n' >/run/systemd/system/klpctl-healthy.timer.d/soon.conf
	must "the time is made shorter" systemctl daemon-reload
	systemctl stop klpctl-healthy.path klpctl-healthy.timer
	must "and begins anew" systemctl start klpctl-healthy.path
	check "the machine is called healthy" wait_until trial_over
	expect_match "the journal knows it" "no longer on trial: steady" "$(journalctl -b -t klpctl -o cat)"
	check "the timer has ended" wait_until is_state klpctl-healthy.timer inactive
	check "the patch stays" grep -qx steady /proc/version
	check "a new trial" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	check "ends by itself, too" wait_until trial_over
	must "a bad patch is installed" ctl_status 0 install --unchecked $MODULES/late-crash.ko
}

# The machine goes down meanwhile.
step_crash() {
	echo "@waits"
	sleep 60
	check "the machine goes down" false
}

# What was on trial then is held out.
step_held() {
	expect_eq "the unit has failed" failed "$(state klpctl.service)"
	check "the bad patch is not loaded" test ! -e $LIVEPATCH/late_crash
	check "status says so" ctl_status 0 status
	expect_match "with the reason" "late_crash: held out: the machine went down" "$(said)"
	must "the good one is tried again" ctl_status 1 boot --unchecked --retry steady
	check "and applied" grep -qx steady /proc/version
	check "the bad one is not" test ! -e $LIVEPATCH/late_crash
}

# It is held out at the boots after that, too.
step_still() {
	check "the bad patch is not loaded" test ! -e $LIVEPATCH/late_crash
	check "the good one is" grep -qx steady /proc/version
	must "the bad one is taken out" ctl_status 0 uninstall late_crash
	check "nothing fails any more" ctl_status 0 boot --unchecked
}

# With klp.enable=0.
step_disabled() {
	check "nothing is loaded" test -z "$(ls $LIVEPATCH)"
	expect_eq "the unit was not started" inactive "$(state klpctl.service)"
	check "status says why" ctl_status 0 status
	expect_match "with the word" "command line has klp.enable=0" "$(said)"
	check "klpctl alone loads none, either" ctl_status 0 boot
	check "really none" test -z "$(ls $LIVEPATCH)"
	# As after an upgrade: what is installed is for another kernel.
	mv "$store/$release" "$store/9.9-old"
}

# After an upgrade of the kernel.
step_upgraded() {
	check "nothing is loaded" test -z "$(ls $LIVEPATCH)"
	expect_eq "nothing has failed" active "$(state klpctl.service)"
	check "status knows" ctl_status 0 status
	expect_match "what is for another kernel" "installed for kernel 9.9-old, which is not running: steady" "$(said)"
	expect_match "and that there is nothing for this one" "nothing is installed for ${release//+/\\+}" "$(said)"
	must "the one for this kernel is installed and loaded" ctl_status 0 install --now --unchecked $MODULES/steady.ko
	must "the old one is taken out" ctl_status 0 uninstall --kernel 9.9-old steady
	must "the machine is healthy" ctl_status 0 boot --healthy
}

# The host ends the machine in the middle of this.
step_cut() {
	version 1
	version 2
	must "the machine is healthy" ctl_status 0 boot --healthy
	cut_power
	while :; do
		ctl_status 0 install --unchecked /tmp/steady-2.ko
		ctl_status 0 install --unchecked /tmp/steady-1.ko
	done
}

# Whatever there is, is whole.
step_whole() {
	version 1
	version 2
	local files=("$store/$release"/*.ko)
	expect_eq "there is one file" "$store/$release/0001-steady.ko" "${files[*]}"
	check "status can be read" ctl_status 0 status
	check "it is one version or the other" eval \
		"cmp -s ${files[0]} /tmp/steady-1.ko || cmp -s ${files[0]} /tmp/steady-2.ko"
	check "nothing half written is left" test -z "$(ls -A "$store/$release" | grep partial)"
	check "it was loaded" grep -qx steady /proc/version
	expect_eq "the unit is content" active "$(state klpctl.service)"
	step_cut
}

# The last cut.
step_end() {
	check "the patch is loaded" grep -qx steady /proc/version
	must "it is taken out" ctl_status 0 uninstall --now steady
	check "nothing is left" test -z "$(find $store -name '*.ko')"
}
