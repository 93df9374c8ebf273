# SPDX-License-Identifier: GPL-2.0-only
#
# The demo, as it runs in the guest: shows each command and what it prints, and ends with a
# failure when something is not as it should be.

patch=/sys/kernel/livepatch/livepatch_sample
patched="this has been live patched"

show() {
	printf '\n# %s\n' "$*"
	eval "$*"
}

fail() {
	printf '\nwrong: %s\n' "$*"
	dmesg | grep livepatch
	exit 1
}

# Waits until the transition is over: $1 says how that is seen.
await() {
	local tries=0
	until eval "$1"; do
		tries=$((tries + 1))
		[ "$tries" -le 600 ] || fail "the transition did not end within a minute"
		sleep 0.1
	done
}

show uname -sr
before=$(cat /proc/cmdline)
show cat /proc/cmdline
[ "$before" != "$patched" ] || fail "/proc/cmdline is patched already"

show insmod /root/livepatch-sample.ko || fail "the kernel refused the patch"
await "[ \"\$(cat $patch/transition)\" = 0 ]"
show cat /proc/cmdline
[ "$(cat /proc/cmdline)" = "$patched" ] || fail "/proc/cmdline is not patched"

show "cd $patch && grep -r . --exclude=force"
[ "$(cat $patch/vmlinux/patched)" = 1 ] || fail "the object is not patched"
cd / || exit

show "echo 0 > $patch/enabled"
await "[ ! -e $patch ]"
show cat /proc/cmdline
[ "$(cat /proc/cmdline)" = "$before" ] || fail "/proc/cmdline is still patched"

show rmmod livepatch_sample || fail "the patch module does not go"
show "lsmod | grep livepatch || echo '(no livepatch module is loaded)'"
! lsmod | grep -q livepatch || fail "the patch module is still there"

show "dmesg | grep -o 'livepatch: .*'"
echo
