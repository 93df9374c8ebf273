# SPDX-License-Identifier: GPL-2.0-only
# Loads and unloads klp-core as a module many times, between patches of either core, with and without a tracer.
# Limit: 900 s

. /klp/vm/lib.sh

file=$CORE_MODULE
ROUNDS=${ROUNDS:-50}

only_with_core_module

patched="this has been live patched"
original=$(cat /proc/cmdline)

# round NUMBER - unloads klp-core, loads a patch with the C core, loads klp-core, and loads a patch with it.
round() {
	remove_patch klp_core || return
	if [ $(($1 % 5)) -eq 0 ]; then
		load livepatch-sample && [ "$(cat /proc/cmdline)" = "$patched" ] || return
		remove_patch livepatch-sample || return
	fi
	insmod $file && wait_until settled klp_core || return
	load livepatch-sample && [ "$(cat /proc/cmdline)" = "$patched" ] || return
	# Sometimes, wait until the patch site is a jump.
	[ $(($1 % 3)) -ne 0 ] || sleep 0.2
	remove_patch livepatch-sample && [ "$(cat /proc/cmdline)" = "$original" ]
}

rounds() {
	local number
	for number in $(seq "$ROUNDS"); do
		[ "$number" -ne $((ROUNDS / 2)) ] || echo function >/sys/kernel/tracing/current_tracer
		round "$number" || {
			echo "in round $number"
			return 1
		}
	done
}

memory() {
	awk '/^(Slab|Percpu|VmallocUsed):/ { sum += $2 } END { print sum }' /proc/meminfo
}

round 0
before=$(memory)
check "klp-core is unloaded and loaded $ROUNDS times, half of them with a tracer" rounds
echo nop >/sys/kernel/tracing/current_tracer
check "no memory is leaked ($(($(memory) - before)) kB more)" test $(($(memory) - before)) -lt 4096
