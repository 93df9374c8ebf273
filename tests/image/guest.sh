# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Runs on a system with a disk, once in each boot: `guest.sh STORY STEP`. xtask/src/suite/image/stories.rs has the order.

MODULES=/run/klp/image
# klpctl comes from its package.
PROGRAMS=/usr/sbin
. /run/klp/image/lib.sh
. /run/klp/image/klpctl.sh

packages=/run/klp/image/packages
store=/var/lib/klpctl
release=$(uname -r)
units="klpctl.service klpctl-trial.service klpctl-healthy.path"
export DEBIAN_FRONTEND=noninteractive

state() {
	systemctl is-active "$1"
}

is_state() {
	_same "$2" "$(state "$1")"
}

# is_active UNIT - whether the unit is active. Prints the reason if not.
is_active() {
	systemctl is-active --quiet "$1" || {
		systemctl status --no-pager "$1"
		cat /tmp/dpkg
		return 1
	}
}

trial_over() {
	[ ! -e $store/trial ]
}

# packaged PREFIX.. - installs the packages whose file names have these prefixes.
packaged() {
	local files=()
	for name in "$@"; do
		files+=("$packages/$name"*.deb)
	done
	dpkg --install "${files[@]}" >/tmp/dpkg 2>&1 || {
		cat /tmp/dpkg
		return 1
	}
}

# fails COMMAND.. - whether the command fails.
fails() {
	! "$@"
}

# cut_power - lets the host cut the power soon.
cut_power() {
	sync
	echo "@cut"
}

# shellcheck disable=SC1090
. "/run/klp/image/$1.sh"
"step_$2"
