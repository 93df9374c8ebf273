# SPDX-License-Identifier: GPL-2.0-only
# The smallest patch: applied, shown in sysfs, disabled and unloaded, twice.

. /klp/vm/lib.sh

patch=$LIVEPATCH/livepatch_sample
original=$(cat /proc/cmdline)
# Older series lack these files.
order='' replace='' replaces_nothing=''
grep -q ' stack_order_show$' /proc/kallsyms && order="stack_order "
grep -q ' replace_show$' /proc/kallsyms && replace="replace " replaces_nothing="0 "

for round in first second; do
	mark_log
	must "$round load" load livepatch-sample
	expect_eq "$round: /proc/cmdline is patched" "this has been live patched" "$(cat /proc/cmdline)"
	expect_eq "$round: many readers see it" "$(yes 'this has been live patched' | head -n 100)" \
		"$(for _ in $(seq 100); do cat /proc/cmdline; done)"
	expect_eq "$round: the sysfs tree" \
		"enabled force $replace${order}transition vmlinux vmlinux/cmdline_proc_show,1 vmlinux/patched" \
		"$(cd "$patch" && find . -mindepth 1 | sed 's|^\./||' | sort | xargs)"
	expect_eq "$round: enabled, no transition, replaces nothing, vmlinux patched" "1 0 ${replaces_nothing}1" \
		"$(cd "$patch" && cat enabled transition ${replace}vmlinux/patched | xargs)"
	[ -z "$order" ] || expect_eq "$round: at the bottom" 1 "$(cat "$patch/stack_order")"
	check "$round: an enabled patch does not unload" \
		bash -c '! rmmod livepatch_sample 2>/dev/null'
	must "$round disable" disable livepatch-sample
	expect_eq "$round: /proc/cmdline is back" "$original" "$(cat /proc/cmdline)"
	must "$round unload" unload livepatch-sample
	expect_eq "$round: the kernel's log" \
		"enabling patch 'livepatch_sample'|'livepatch_sample': starting patching transition|'livepatch_sample': patching complete|'livepatch_sample': starting unpatching transition|'livepatch_sample': unpatching complete" \
		"$(log_since | sed -n 's/^livepatch: //p' | paste -sd '|')"
done

check "the kernel is marked as live patched" \
	test $(($(cat /proc/sys/kernel/tainted) & (1 << 15))) -ne 0
