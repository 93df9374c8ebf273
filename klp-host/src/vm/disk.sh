#!/usr/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Part of the guest's first process, where there is a disk: starts the system that is on it.

for module in /klp/disk/*.ko; do
    [ -e "$module" ] && busybox insmod "$module"
done
tries=0
until [ -b /dev/vda ] || [ $tries -ge 100 ]; do
    busybox sleep 0.1
    tries=$((tries + 1))
done
busybox mkdir /disk
if ! busybox mount -t ext4 /dev/vda /disk; then
    echo "klp: the disk cannot be mounted"
    busybox reboot -f
fi

busybox mount -t tmpfs -o mode=755 tmpfs /disk/run
busybox cp -a /klp /disk/run/klp
units=/disk/run/systemd/system
busybox mkdir -p $units/multi-user.target.wants
busybox cat >$units/klp-command.service <<'UNIT'
[Unit]
Description=The command of a test
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/bash /run/klp/agent.sh run
TimeoutStartSec=infinity
UNIT
busybox ln -s ../klp-command.service $units/multi-user.target.wants/
# The last thing that systemd runs.
busybox mkdir -p /disk/usr/lib/systemd/system-shutdown
busybox cat >/disk/usr/lib/systemd/system-shutdown/klp <<'HOOK'
#!/bin/sh
exec /bin/bash /run/klp/agent.sh end
HOOK
busybox chmod 755 /disk/usr/lib/systemd/system-shutdown/klp

for dir in dev proc sys; do
    busybox mount --move /$dir /disk/$dir
done
exec busybox switch_root /disk /sbin/init
