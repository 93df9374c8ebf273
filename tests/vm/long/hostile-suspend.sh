# SPDX-License-Identifier: GPL-2.0-only
# Suspend during a transition: tasks are frozen, CPUs go offline and online.
# Limit: 600 s

. /klp/vm/lib.sh
. /klp/vm/hostile.sh

must "the kernel can test suspending" [ -e /sys/power/pm_test ]

begin
for depth in freezer processors; do
	echo $depth >/sys/power/pm_test
	check "suspend and resume, $depth" bash -c "echo mem >/sys/power/state"
	goes_on "after $depth"
done
echo none >/sys/power/pm_test
end
clean_up
