# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A hundred patches.

# numbered NUMBER - a copy of the steady patch, by the name st0NUMBER.
numbered() {
	local name
	name=st$(printf %04d "$1")
	sed "s/steady/$name/g" $MODULES/steady.ko >"/tmp/$name.ko"
}

# A hundred patches, one on top of the other.
step_hundred() {
	must "klpctl is installed" packaged klpctl_
	local number files=()
	for number in $(seq 100); do
		numbered "$number"
		files+=("/tmp/st$(printf %04d "$number").ko")
	done
	must "a hundred patches are installed" ctl_status 0 install --unchecked "${files[@]}"
	expect_eq "all of them" 100 "$(ls "$store/$release" | wc -l)"
	check "status knows them" ctl_status 0 status
	expect_eq "all of them, too" 100 "$(said | grep -c 'not loaded; .klpctl boot. loads it')"
}

step_hundred_applied() {
	expect_eq "a hundred patches are loaded" 100 "$(ls $LIVEPATCH | wc -l)"
	check "the last of them is in effect" grep -qx st0100 /proc/version
	expect_eq "the unit is content" active "$(state klpctl.service)"
	check "status knows them" ctl_status 0 status
	expect_eq "all of them" 100 "$(said | grep -c 'loaded, and on trial')"
	check "so do metrics" ctl_status 0 metrics
	sed 's/^/@metric /' /tmp/ctl
	echo "the unit took $(systemctl show klpctl.service -p ExecMainStartTimestampMonotonic -p ExecMainExitTimestampMonotonic | xargs)"
	must "a cumulative patch takes their place" ctl_status 0 install --now --unchecked $MODULES/versioned.ko
	expect_eq "of all of them" versioned "$(ls $LIVEPATCH | xargs)"
}
