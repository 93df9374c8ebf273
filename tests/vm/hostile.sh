# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Library of the scenarios hostile*, after lib.sh: a transition that is blocked until `end`.

patch=$LIVEPATCH/flaw_lookup
waiting=/sys/module/klp_flaws/parameters/waiting
hostile=$PROGRAMS/klp-hostile
hostiles=()

# hostile WHAT... - starts a hostile task, which is ready when this returns.
hostile() {
	local said=/tmp/hostile.${#hostiles[@]}
	"$hostile" "$@" >"$said" &
	hostiles+=($!)
	wait_until grep -q ready "$said"
}

# begin - starts a transition that a task blocks.
begin() {
	must "load the module to wait in" load klp_flaws
	echo Y >$waiting
	cat /sys/kernel/klp_flaws/waiting >/tmp/waited &
	reader=$!
	sleep 0.3
	must "load the patch" insmod "$(module_file flaw-lookup)"
	expect_eq "its transition goes on" 1 "$(cat $patch/transition)"
}

# goes_on WHAT - checks that only that task still blocks the transition.
goes_on() {
	expect_eq "$1: the transition goes on" 1 "$(cat $patch/transition)"
	wait_until only_reader >/dev/null
	check "$1: only the task in the function has not switched" only_reader
}

only_reader() {
	local left task
	left=$(grep -lx 0 /proc/[0-9]*/task/*/patch_state 2>/dev/null | cut -d/ -f3 | sort -u)
	[ "$left" = $reader ] && return
	for task in $left; do
		echo "$task $(cat /proc/$task/comm): $(cat /proc/$task/stack)"
	done
	[ ! -d /sys/kernel/debug/livepatch ] || cat /sys/kernel/debug/livepatch/*/blockers
	return 1
}

# end - wakes the task, and checks that the transition ends and the patch has effect.
end() {
	echo N >$waiting
	wait $reader
	expect_eq "the task returned from the old function" module "$(cat /tmp/waited)"
	must "the transition ends" wait_until settled flaw-lookup
	expect_eq "the patch has effect" patch "$(cat /sys/kernel/klp_flaws/waiting)"
}

# clean_up - removes the patch, the module and all tasks.
clean_up() {
	must "remove the patch" remove_patch flaw-lookup
	[ ${#hostiles[@]} = 0 ] || kill -9 "${hostiles[@]}" 2>/dev/null
	wait
	must "unload the module" unload klp_flaws
	rm -f /tmp/waited /tmp/hostile.*
}
