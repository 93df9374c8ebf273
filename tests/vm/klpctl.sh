# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the scenarios about klpctl.

ctl=$PROGRAMS/klpctl

# ctl_status STATUS COMMAND.. - klpctl ends with this status; what it printed is in /tmp/ctl.
ctl_status() {
	local wanted=$1 status
	shift
	"$ctl" "$@" >/tmp/ctl 2>&1
	status=$?
	[ $status = "$wanted" ] || {
		echo "klpctl $* gave $status, not $wanted: $(cat /tmp/ctl)"
		return 1
	}
}

said() {
	cat /tmp/ctl
}
