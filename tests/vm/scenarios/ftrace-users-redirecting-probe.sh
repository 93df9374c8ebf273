# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# A kprobe that redirects calls without IPMODIFY, attached after a patch: the patch takes precedence while it
# is loaded. klp-core makes a jump of the site a tenth of a second after the transition: the probe is attached before,
# meanwhile and later.

. /klp/vm/lib.sh

hits() { cat /sys/module/klp_ftrace_user/parameters/hits; }

delays='0.00 0.30'
if [ -e /sys/kernel/debug/livepatch ]; then
	delays='0.00 0.01 0.02 0.03 0.04 0.05 0.06 0.07 0.08 0.09 0.10 0.15 0.30'
fi

for delay in $delays; do
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

# All kprobes share one ftrace_ops, which is registered with the first of them, here of another function.
tracing=/sys/kernel/tracing
redirects=/sys/kernel/debug/livepatch/entries_first/redirects
is_jump() { grep -q ' jump$' "$redirects"; }

must "load the patch, before the first kprobe" load entries-first
echo 'p:klp/other cmdline_proc_show' >>$tracing/kprobe_events
echo 1 >$tracing/events/klp/other/enable
sleep 0.3
must "attach the probe after a kprobe" load klp_ftrace_user kind=redirect at=fscaps_show
expect_eq "the patch is called, after a kprobe" first "$(cat /sys/kernel/fscaps)"
must "detach the probe after a kprobe" unload klp_ftrace_user
echo 0 >$tracing/events/klp/other/enable
echo '-:klp/other' >>$tracing/kprobe_events
if [ -e "$redirects" ]; then
	WAIT=6 check "without kprobes, the site becomes a jump" wait_until is_jump
fi
must "attach the probe after the jump" load klp_ftrace_user kind=redirect at=fscaps_show
expect_eq "the patch is called, after the jump" first "$(cat /sys/kernel/fscaps)"
must "detach the probe after the jump" unload klp_ftrace_user
must "remove the patch, after the jump" remove_patch entries-first
