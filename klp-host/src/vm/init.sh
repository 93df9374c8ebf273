#!/usr/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest's first process: prepares the system, runs /klp/command, reports how it ended,
# and restarts the machine, which makes QEMU end.
#
# The first serial port is the kernel's console, another carries what the command prints, a third what we have to say:
# the settings name them. The command cannot be mistaken for us, nor the kernel for the command.

export PATH=/usr/bin HOME=/root TERM=dumb LANG=C.UTF-8 USER=root SHELL=/usr/bin/bash

busybox mount -t devtmpfs devtmpfs /dev
# Closes the console's own port: its interrupt line may be shared with a third.
exec </dev/null >/dev/kmsg 2>&1

busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
[ -d /sys/kernel/debug ] && busybox mount -t debugfs debugfs /sys/kernel/debug
[ -d /sys/kernel/tracing ] && busybox mount -t tracefs tracefs /sys/kernel/tracing
busybox mkdir -p /dev/pts /dev/shm
busybox mount -t devpts devpts /dev/pts 2>/dev/null
busybox mount -t tmpfs -o mode=1777 tmpfs /dev/shm
busybox ln -sfn /proc/self/fd /dev/fd
busybox ln -sf /proc/self/fd/0 /dev/stdin
busybox ln -sf /proc/self/fd/1 /dev/stdout
busybox ln -sf /proc/self/fd/2 /dev/stderr
busybox hostname klp
# A task that hangs is to be noticed before the time is up.
hung=/proc/sys/kernel/hung_task_timeout_secs
[ -e $hung ] && echo 60 >$hung
[ -e /sys/class/net/lo ] && busybox ip link set lo up

. /klp/settings
busybox stty -F $OUTPUT raw -echo
busybox stty -F $VERDICT raw -echo
exec 3>$VERDICT

# Where the machine that started this one could not ask busybox for the names of its applets.
[ -e /usr/bin/mount ] || busybox --install -s /usr/bin 2>/dev/null

# A system on a disk goes on from here: it runs the command itself.
[ -e /klp/disk.sh ] && exec 3>&- && . /klp/disk.sh

# A pipe, not the port itself: programs then behave as in any script, and when the command
# has ended, the pipe's end tells that everything it printed is on its way.
busybox mkfifo /klp/output
busybox cat /klp/output >$OUTPUT 3>&- &
relay=$!

echo ready >&3
if [ "$BEAT" -gt 0 ]; then
    while busybox sleep "$BEAT"; do echo beat; done >&3 &
fi

cd /root || exit
# A session of its own, so that a script's `kill 0` ends the script and not us.
busybox setsid bash /klp/command </dev/null >/klp/output 2>&1 3>&-
status=$?

# What has been leaked, where the kernel looks for that: only what is older than five seconds counts, and
# only what two scans in a row find unreferenced.
leaks=/sys/kernel/debug/kmemleak
if [ -e $leaks ]; then
    busybox sleep 6
    echo scan >$leaks
    echo scan >$leaks
    # Not the whole of it: the first ones tell enough. A write to the log is a line of it, and no longer than that.
    busybox head -n 120 $leaks | while read -r line; do echo "$line" >/dev/kmsg; done
fi

# Something the command left in the background may keep the pipe open, beside the relay itself. Where nothing
# does, the relay has all the time that it takes.
holders() {
    busybox ls -l /proc/[0-9]*/fd 2>/dev/null | busybox grep -c ' -> /klp/output$'
}
{ busybox sleep 1; [ "$(holders)" -gt 1 ] && kill "$relay"; } 3>&- &
# Closing the port, which the relay's end does, waits until everything is sent.
wait "$relay"

echo "exit $status" >&3
exec 3>&-
busybox sync
busybox reboot -f
