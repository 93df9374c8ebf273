# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# A kprobe that redirects calls without IPMODIFY, attached after a patch: the patch takes precedence while it
# is loaded.

. /klp/vm/lib.sh

hits() { cat /sys/module/klp_ftrace_user/parameters/hits; }

for round in 1 2 3; do
	must "load the patch, round $round" load entries-first
	must "attach the probe at once, round $round" load klp_ftrace_user kind=redirect at=fscaps_show
	expect_eq "the patch is called, round $round" first "$(cat /sys/kernel/fscaps)"
	sleep 0.$((round * 2))
	expect_eq "the patch is still called, round $round" first "$(cat /sys/kernel/fscaps)"
	check "the probe saw the calls, round $round" test "$(hits)" -ge 2
	must "remove the patch, round $round" remove_patch entries-first
	expect_eq "the probe redirects the call, round $round" "" "$(cat /sys/kernel/fscaps)"
	must "detach the probe, round $round" unload klp_ftrace_user
done
