# SPDX-License-Identifier: GPL-2.0-only
# klp-core as a module comes and goes again and again, between patches of either core, with and without a tracer.
# Limit: 900 s

. /klp/vm/lib.sh

file=/klp/klp-core.ko
ROUNDS=${ROUNDS:-50}

if [ ! -e $file ]; then
	check "klp-core is no module here" test ! -e $LIVEPATCH/klp_core
	exit
fi

patched="this has been live patched"
original=$(cat /proc/cmdline)

# round NUMBER - klp-core goes, the C core has a patch, klp-core comes and has one.
round() {
	remove_patch klp_core || return
	if [ $(($1 % 5)) -eq 0 ]; then
		load livepatch-sample && [ "$(cat /proc/cmdline)" = "$patched" ] || return
		remove_patch livepatch-sample || return
	fi
	insmod $file && wait_until settled klp_core || return
	load livepatch-sample && [ "$(cat /proc/cmdline)" = "$patched" ] || return
	# Now and then it is a jump by the time that it goes.
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
check "it goes and comes $ROUNDS times, half of them with a tracer" rounds
echo nop >/sys/kernel/tracing/current_tracer
check "and leaves no memory behind ($(($(memory) - before)) kB more)" test $(($(memory) - before)) -lt 4096
