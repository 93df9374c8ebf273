# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The commands of docs/package.md, in the folder with the packages that its author made. xtask compares what they print.

# page_begins - once in each boot.
page_begins() {
	packaged linux-image- || exit
	cd /run/klp/image/page || exit
}

# page_command NUMBER - runs the command that it reads.
page_command() {
	local command
	command=$(cat)
	echo "@page $1"
	# Nobody answers questions.
	check "# $command" bash -c "yes | { $command
	} >/tmp/page 2>&1"
	sed "s/^/@page $1 /" /tmp/page
}

# shellcheck disable=SC1091
. /run/klp/image/page/steps.sh
