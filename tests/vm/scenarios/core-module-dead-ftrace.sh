# SPDX-License-Identifier: GPL-2.0-only
# After ftrace has shut itself down, it still calls klp-core and cannot be made to stop. So klp-core stays loaded.
# In a separate boot, because ftrace does not come back.
# Boot: noresume

. /klp/vm/lib.sh

core=$LIVEPATCH/klp_core

if [ ! -e /klp/klp-core.ko ]; then
	check "klp-core is not a module here" test ! -e $core
	exit
fi

patched="this has been live patched"
original=$(cat /proc/cmdline)

shut_ftrace_down() {
	local words
	words=$(insmod "$(module_file klp_dead_ftrace)" 2>&1)
	grep -qi "operation canceled" <<<"$words" || {
		echo "$words"
		return 1
	}
}

# disabling_fails ERROR - klp-core cannot be disabled, with this error.
disabling_fails() {
	local words
	words=$( (echo 0 >$core/enabled) 2>&1) && {
		echo "it was disabled"
		return 1
	}
	grep -qi "$1" <<<"$words" || {
		echo "$words"
		return 1
	}
}

must "a patch is loaded" load livepatch-sample
expect_eq "the patch is applied" "$patched" "$(cat /proc/cmdline)"
must "the patch is removed" remove_patch livepatch-sample
must "ftrace shuts itself down" shut_ftrace_down
expect_match "no patch can be enabled" "No such device" "$(load_fails livepatch-sample)"
expect_eq "the original is back" "$original" "$(cat /proc/cmdline)"
mark_log
check "klp-core cannot be disabled" disabling_fails "no such device"
expect_match "the log says why" "^livepatch: ftrace has shut itself down, .* restart" "$(log_since)"
check "klp-core cannot be unloaded" test "$(rmmod klp_core 2>/dev/null || echo refused)" = refused
expect_eq "klp-core stays enabled" 1 "$(cat $core/enabled)"
expect_eq "klp-core still works" "$original" "$(cat /proc/cmdline)"
