# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# A kprobe that redirects calls without IPMODIFY, attached after a patch: the patch takes precedence while it
# is loaded. klp-core makes a jump of the site a tenth of a second after the transition: the probe is attached before,
# meanwhile and later.

. /klp/vm/lib.sh

hits() { cat /sys/module/klp_ftrace_user/parameters/hits; }

for delay in 0.00 0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.09 0.10 0.15 0.30; do
	must "load the patch, $delay s" load entries-first
	sleep $delay
	must "attach the probe, $delay s" load klp_ftrace_user kind=redirect at=fscaps_show
	expect_eq "the patch is called, $delay s" first "$(cat /sys/kernel/fscaps)"
	sleep 0.15
	expect_eq "the patch is still called, $delay s" first "$(cat /sys/kernel/fscaps)"
	check "the probe saw the calls, $delay s" test "$(hits)" -ge 2
	must "remove the patch, $delay s" remove_patch entries-first
	expect_eq "the probe redirects the call, $delay s" "" "$(cat /sys/kernel/fscaps)"
	must "detach the probe, $delay s" unload klp_ftrace_user
done
