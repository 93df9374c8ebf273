# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Library of the scenarios about klpctl.

ctl=$PROGRAMS/klpctl

# ctl_status STATUS COMMAND.. - checks the exit status of klpctl. Its output is in /tmp/ctl.
ctl_status() {
	local wanted=$1 status
	shift
	"$ctl" "$@" >/tmp/ctl 2>&1
	status=$?
	[ $status = "$wanted" ] || {
		echo "klpctl $* ended with status $status, not $wanted: $(cat /tmp/ctl)"
		return 1
	}
}

# said - the output of the last klpctl command.
said() {
	cat /tmp/ctl
}
