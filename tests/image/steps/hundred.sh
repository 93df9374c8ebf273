# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A hundred patches.

# numbered NUMBER - makes a copy of the steady patch with the name st0NUMBER.
numbered() {
	local name
	name=st$(printf %04d "$1")
	sed "s/steady/$name/g" $MODULES/steady.ko >"/tmp/$name.ko"
}

# A stack of a hundred patches.
step_hundred() {
	must "klpctl is installed" packaged klpctl_
	local number files=()
	for number in $(seq 100); do
		numbered "$number"
		files+=("/tmp/st$(printf %04d "$number").ko")
	done
	must "a hundred patches are installed" ctl_status 0 install --unchecked "${files[@]}"
	expect_eq "all files are in the store" 100 "$(ls "$store/$release" | wc -l)"
	check "klpctl status succeeds" ctl_status 0 status
	expect_eq "status shows all patches" 100 "$(said | grep -c 'not loaded; .klpctl boot. loads it')"
}

step_hundred_applied() {
	expect_eq "a hundred patches are loaded" 100 "$(ls $LIVEPATCH | wc -l)"
	check "the last patch is in effect" grep -qx st0100 /proc/version
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	check "klpctl status succeeds" ctl_status 0 status
	expect_eq "status shows all patches" 100 "$(said | grep -c 'loaded, and on trial')"
	check "klpctl metrics succeeds" ctl_status 0 metrics
	sed 's/^/@metric /' /tmp/ctl
	echo "the unit took $(systemctl show klpctl.service -p ExecMainStartTimestampMonotonic -p ExecMainExitTimestampMonotonic | xargs)"
	must "a cumulative patch is installed" ctl_status 0 install --now --unchecked $MODULES/versioned.ko
	expect_eq "the cumulative patch replaces all others" versioned "$(ls $LIVEPATCH | xargs)"
}
