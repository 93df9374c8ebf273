# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# A kprobe that redirects calls without saying so, attached after a patch: the patch has the last word, as
# long as it is there.

. /klp/vm/lib.sh

hits() { cat /sys/module/klp_ftrace_user/parameters/hits; }

for round in 1 2 3; do
	must "load the patch, round $round" load entries-first
	must "the probe comes at once, round $round" load klp_ftrace_user kind=redirect at=fscaps_show
	expect_eq "the patch is called, round $round" first "$(cat /sys/kernel/fscaps)"
	sleep 0.$((round * 2))
	expect_eq "and still is, round $round" first "$(cat /sys/kernel/fscaps)"
	check "the probe saw the calls, round $round" test "$(hits)" -ge 2
	must "the patch goes, round $round" remove_patch entries-first
	expect_eq "the probe has its way, round $round" "" "$(cat /sys/kernel/fscaps)"
	must "the probe goes, round $round" unload klp_ftrace_user
done
