# SPDX-License-Identifier: GPL-2.0-only
# klp-core as a module cannot be enabled or disabled while there are patches, and can be otherwise.

. /klp/vm/lib.sh

core=$LIVEPATCH/klp_core
file=$CORE_MODULE

only_with_core_module

patched="this has been live patched"
original=$(cat /proc/cmdline)

# insmod_fails ERROR FILE - loading is refused with this error, as insmod prints it.
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

# refused_in_transition PATCH - the patch is refused during klp-core's transition. If that has ended before by itself,
# klp-core is loaded again.
refused_in_transition() {
	local attempt
	for attempt in 1 2 3 4 5; do
		insmod_fails "busy" "$(module_file "$1")" && return
		[ "$(cat $core/transition)" = 0 ] || return
		remove_patch "$1" && remove_patch klp_core && insmod $file || return
	done
	echo "$attempt transitions ended before the patch could be loaded"
	return 1
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

# The state without klp-core.
must "klp-core is removed" remove_patch klp_core
without=$(redirected)
expect_eq "no function is redirected" "" "$(grep klp_ <<<"$without")"

# Patches of the C core.
must "the C core takes a patch" load livepatch-sample
mark_log
check "klp-core is refused while the C core has patches" insmod_fails "busy" $file
expect_match "the log names the C core's patch" "^livepatch: 'livepatch_sample' is enabled: disable it before" "$(log_since)"
expect_eq "the patch stays" "$patched" "$(cat /proc/cmdline)"
must "the C core's patch is removed" remove_patch livepatch-sample
expect_eq "the original is back" "$original" "$(cat /proc/cmdline)"

# Patches during klp-core's transition.
must "klp-core is loaded" insmod $file
check "no patch can be enabled meanwhile" refused_in_transition livepatch-sample
check "its transition cannot be forced" write_fails 1 $core/force
must "klp-core is enabled" wait_until settled klp_core

# Patches of klp-core.
must "a patch is loaded" load livepatch-sample
expect_eq "the patch is applied" "$patched" "$(cat /proc/cmdline)"
expect_eq "the patch is at the bottom of the stack" 1 "$(cat $LIVEPATCH/livepatch_sample/stack_order)"
mark_log
check "klp-core cannot be disabled while it has patches" write_fails 0 $core/enabled
expect_match "the log names klp-core's patch" "^livepatch: klp_core is in use by patch 'livepatch_sample'" "$(log_since)"
check "klp-core cannot be unloaded" rmmod_fails
expect_eq "klp-core stays enabled" 1 "$(cat $core/enabled)"
expect_eq "the patch stays" "$patched" "$(cat /proc/cmdline)"
must "the patch is removed" remove_patch livepatch-sample

# Reversing the transition. If nothing blocks it, klp-core may be gone by then.
echo 0 >$core/enabled
if ! echo 1 2>/dev/null >$core/enabled; then
	must "klp-core is disabled" wait_until patch_gone klp_core
	must "klp-core is unloaded" unload klp_core
	must "klp-core is loaded again" insmod $file
fi
must "klp-core is enabled after a reversal" wait_until settled klp_core
must "a patch is loaded after the reversal" load livepatch-sample
check "klp-core has the patch" test -d /sys/kernel/debug/livepatch/livepatch_sample
must "that patch is removed" remove_patch livepatch-sample

must "klp-core is removed again" remove_patch klp_core
expect_eq "klp-core leaves ftrace as it was" "$without" "$(redirected)"
must "klp-core is loaded for other scenarios" insmod $file
must "klp-core is enabled for other scenarios" wait_until settled klp_core
