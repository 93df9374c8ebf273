# SPDX-License-Identifier: GPL-2.0-only
# klp-core as a module: it refuses to come and to go where patches are in the way, and comes and goes between them.

. /klp/vm/lib.sh

core=$LIVEPATCH/klp_core
file=/klp/klp-core.ko

if [ ! -e $file ]; then
	check "klp-core is no module here" test ! -e $core
	exit
fi

patched="this has been live patched"
original=$(cat /proc/cmdline)

# insmod_fails ERROR FILE - it is refused with this error, in insmod's words.
insmod_fails() {
	local words
	words=$(insmod "$2" 2>&1) && {
		echo "it was loaded"
		return 1
	}
	grep -q "$1" <<<"$words" || {
		echo "$words"
		return 1
	}
}

write_fails() {
	! echo "$1" 2>/dev/null >"$2"
}

rmmod_fails() {
	! rmmod klp_core 2>/dev/null
}

redirected() {
	cat /sys/kernel/tracing/enabled_functions
}

# Before anything else: what a kernel without klp-core has.
must "klp-core goes" remove_patch klp_core
without=$(redirected)
expect_eq "nothing is redirected any more" "" "$(grep klp_ <<<"$without")"

# Patches of the C core.
must "the C core has live patches again" load livepatch-sample
mark_log
check "klp-core does not come while the C core has patches" insmod_fails "busy" $file
expect_match "the log names them" "^livepatch: 'livepatch_sample' is enabled: disable it before" "$(log_since)"
expect_eq "the patch stays" "$patched" "$(cat /proc/cmdline)"
must "the C core's patch goes" remove_patch livepatch-sample
expect_eq "the original is there" "$original" "$(cat /proc/cmdline)"

# Patches while klp-core is on its way.
must "klp-core is loaded" insmod $file
check "no patch is enabled meanwhile" insmod_fails "busy" "$(module_file livepatch-sample)"
check "its transition cannot be forced" write_fails 1 $core/force
must "it comes" wait_until settled klp_core

# Patches of klp-core.
must "a patch is loaded" load livepatch-sample
expect_eq "it applies" "$patched" "$(cat /proc/cmdline)"
expect_eq "it is the lowest one" 1 "$(cat $LIVEPATCH/livepatch_sample/stack_order)"
mark_log
check "klp-core does not go while it has patches" write_fails 0 $core/enabled
expect_match "the log names them" "^livepatch: klp_core is in use by patch 'livepatch_sample'" "$(log_since)"
check "nor can it be unloaded" rmmod_fails
expect_eq "klp-core stays" 1 "$(cat $core/enabled)"
expect_eq "the patch stays" "$patched" "$(cat /proc/cmdline)"
must "the patch goes" remove_patch livepatch-sample

# Turning back on the way. Where nothing holds it up, it may have gone by then.
echo 0 >$core/enabled
if ! echo 1 2>/dev/null >$core/enabled; then
	must "klp-core has gone" wait_until patch_gone klp_core
	must "it is unloaded" unload klp_core
	must "it is loaded again" insmod $file
fi
must "klp-core is there" wait_until settled klp_core
must "and has the live patches" load livepatch-sample
check "by its own means" test -d /sys/kernel/debug/livepatch/livepatch_sample
must "which go" remove_patch livepatch-sample

must "klp-core goes" remove_patch klp_core
expect_eq "and leaves ftrace as it was" "$without" "$(redirected)"
must "klp-core comes" insmod $file
must "and stays" wait_until settled klp_core
