#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# In a guest with a disk: runs the command, shuts the system down in order, and reports at the very end how the
# command ended, so that the shutdown is part of the run.

port() {
	stty -F "$VERDICT" raw -echo
	exec 3>"$VERDICT"
}

. /run/klp/settings
case $1 in
run)
	stty -F "$OUTPUT" raw -echo
	port
	echo ready >&3
	while sleep "$BEAT"; do echo beat; done >&3 &
	cd /root || exit
	bash /run/klp/command </dev/null >"$OUTPUT" 2>&1 3>&-
	echo $? >/run/klp/status
	systemctl reboot --no-block
	# The beat goes on.
	sleep infinity
	;;
end)
	port
	echo "exit $(cat /run/klp/status)" >&3
	;;
esac
