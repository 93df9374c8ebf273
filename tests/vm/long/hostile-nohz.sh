# SPDX-License-Identifier: GPL-2.0-only
# A task that never leaves user space, on a CPU without a tick, still switches, in less than 50 ms.
# Boot: nohz_full=1
# Limit: 600 s

. /klp/vm/lib.sh
. /klp/vm/hostile.sh

ROUNDS=${ROUNDS:-5}

# took DIRECTION - the time between the log lines at the start and the end of that transition, in microseconds.
took() {
	dmesg | awk -v direction="$1" -F'[][ ]+' '
		/starting/ && $0 ~ "starting " direction { split($2, at, "."); from = at[1] * 1000000 + at[2] }
		$0 ~ "'\''[^ ]*: " direction " complete" { split($2, at, "."); to = at[1] * 1000000 + at[2] }
		END { print to - from }'
}

expect_eq "CPU 1 has no tick" 1 "$(cat /sys/devices/system/cpu/nohz_full)"
"$hostile" spin >/tmp/hostile.spin &
spinner=$!
hostiles+=($spinner)
must "a task spins in user space" wait_until grep -q ready /tmp/hostile.spin
must "it stays on CPU 1" taskset -p 2 $spinner
# Wait until its CPU has stopped the tick.
sleep 2
switches=$(grep ctxt_switches /proc/$spinner/status)

all=()
for ((round = 0; round < ROUNDS; round++)); do
	must "load the patch, $round" load livepatch-sample
	all+=("$(took patching)")
	must "remove the patch, $round" remove_patch livepatch-sample
	all+=("$(took unpatching)")
done
expect_eq "the task has not slept" "$(grep -v nonvol <<<"$switches")" \
	"$(grep ctxt_switches /proc/$spinner/status | grep -v nonvol)"
least=$(printf '%s\n' "${all[@]}" | sort -n | head -1)
echo "transitions took, in microseconds: ${all[*]}"
# The C core has to wait for its signal. Other work on the host can only prolong a transition.
if [ -e "$(core_parameter signal_after_ms)" ]; then
	check "the shortest transition took $least us of 50000" [ "$least" -lt 50000 ]
fi
kill -9 $spinner
wait $spinner 2>/dev/null
rm -f /tmp/hostile.spin
