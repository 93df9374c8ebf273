# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Runs the commands of docs/package.md in the folder with the packages that its earlier commands built. xtask compares
# the output.

# page_begins - prepares a boot.
page_begins() {
	packaged linux-image- || exit
	cd /run/klp/image/page || exit
}

# page_command NUMBER - runs the command on standard input.
page_command() {
	local command
	command=$(cat)
	echo "@page $1"
	# `yes` answers questions.
	check "# $command" bash -c "yes | { $command
	} >/tmp/page 2>&1"
	sed "s/^/@page $1 /" /tmp/page
}

# shellcheck disable=SC1091
. /run/klp/image/page/steps.sh
