# SPDX-License-Identifier: GPL-2.0-only
#
# The demo in the guest: shows each command and its output, and fails if something does not work. If klp-core.ko is
# there, shows the same patch with it, too, and the cost of the patch with both livepatch cores.

module=/root/livepatch-sample.ko
core_module=/root/klp-core.ko
patch=/sys/kernel/livepatch/livepatch_sample
core=/sys/kernel/livepatch/klp_core
patched="this has been live patched"

show() {
	printf '\n# %s\n' "$*"
	eval "$*"
}

fail() {
	printf '\nerror: %s\n' "$*"
	dmesg | grep livepatch
	exit 1
}

# Waits for the end of the transition, until the condition $1 holds.
await() {
	local tries=0
	until eval "$1"; do
		tries=$((tries + 1))
		[ "$tries" -le 600 ] || fail "the transition did not end within a minute"
		sleep 0.1
	done
}

# Whether /proc/cmdline reads as $1.
reads() {
	[ "$(cat /proc/cmdline)" = "$1" ]
}

# Loads the patch, and shows its effect.
apply() {
	show insmod $module || fail "the kernel refused the patch"
	await "[ \"\$(cat $patch/transition)\" = 0 ]"
	show cat /proc/cmdline
	reads "$patched" || fail "/proc/cmdline is not patched"
}

# Waits until the patch is gone, and checks that its effect is.
await_revert() {
	await "[ ! -e $patch ]"
	reads "$before" || fail "/proc/cmdline is still patched"
}

show_sysfs() {
	show "cd $patch && grep -r . --exclude=force"
	[ "$(cat $patch/vmlinux/patched)" = 1 ] || fail "the object is not patched"
	cd / || exit
}

# Sets `loaded`, `read` and `disabled`: the cost of loading the patch, of a read of the patched /proc/cmdline, and of
# disabling the patch, in nanoseconds. Each is one instruction here.
measure() {
	loaded=$(/root/klp-bench load $module livepatch_sample) || fail "the patch cannot be measured"
	# klp-core makes the patch site a jump soon after the transition.
	sleep 5
	read=$(/root/klp-bench read /proc/cmdline 20000)
	disabled=$(/root/klp-bench disable livepatch_sample)
	/root/klp-bench unload livepatch_sample
}

# Prints one line of the comparison.
row() {
	printf '%-52s %12s %12s\n' "$@"
}

milliseconds() {
	awk -v ns="${1% *}" 'BEGIN { printf "%.1f ms", ns / 1e6 }'
}

show uname -sr
before=$(cat /proc/cmdline)
show cat /proc/cmdline
reads "$patched" && fail "/proc/cmdline is already patched"
apply
show_sysfs
show "echo 0 > $patch/enabled"
await_revert
show cat /proc/cmdline
show rmmod livepatch_sample || fail "the patch module cannot be removed"
show "lsmod | grep livepatch || echo '(no livepatch module is loaded)'"
! lsmod | grep -q livepatch || fail "the patch module is still loaded"

show "dmesg | grep -o 'livepatch: .*'"
echo
[ -e $core_module ] || exit 0

measure
c_loaded=$loaded c_read=$read c_disabled=$disabled

printf '\nklp-core, the livepatch core in Rust, takes over from the kernel'"'"'s own:\n'
show insmod $core_module || fail "the kernel refused klp-core"
await "[ \"\$(cat $core/transition)\" = 0 ]"
apply
echo 0 >$patch/enabled
await_revert
rmmod livepatch_sample || fail "the patch module cannot be removed"
measure

printf '\n'
row '' 'core in C' 'klp-core'
row 'a read of the patched /proc/cmdline, in instructions' "$c_read" "$read"
row 'loading the patch' "$(milliseconds "$c_loaded")" "$(milliseconds "$loaded")"
row 'disabling the patch' "$(milliseconds "$c_disabled")" "$(milliseconds "$disabled")"
[ "$read" -lt "$c_read" ] || fail "klp-core saves no instructions"

echo 0 >$core/enabled
await "[ ! -e $core ]"
rmmod klp_core || fail "klp-core cannot be removed"
