# SPDX-License-Identifier: GPL-2.0-only
# A system state: passed from a patch to the cumulative one that replaces it, or back.

. /klp/vm/lib.sh

busy=/sys/module/klp_tickets/parameters/busy

# tickets COUNT - the tickets of this many readers.
tickets() {
	for _ in $(seq "$1"); do
		cat /proc/klp_ticket 2>&1 | sed 's/.*: /no: /'
	done | paste -sd '|'
}

must "load the module" load klp_tickets
expect_eq "tickets without end" "ticket 1|ticket 2|ticket 3|ticket 4|ticket 5|ticket 6" "$(tickets 6)"

must "load the old patch" load livepatch-state-old
expect_eq "two tickets under it" "ticket 7|ticket 8" "$(tickets 2)"

# The transition to the new patch is blocked by a task, and reversed.
echo 1 >$busy
cat /proc/klp_ticket >/tmp/ticket 2>&1 &
reader=$!
must "a reader sleeps in the module" wait_until grep -q '^State:.*D (' "/proc/$reader/status"
sleep 0.2
mark_log
must "load the new patch under it" insmod "$(module_file livepatch-state-new)"
sleep 1
expect_eq "its transition goes on" 1 "$(cat $LIVEPATCH/livepatch_state_new/transition)"
expect_match "it sees the previous version" "^livepatch_state_new: taking over from version 1$" "$(log_since)"
must "reverse the transition" disable livepatch-state-new
must "unload the new patch" unload livepatch-state-new
expect_eq "the old patch stays enabled" livepatch_state_old "$(patches)"
echo 0 >$busy
wait "$reader"
expect_eq "the reader gets the third ticket" "ticket 9" "$(cat /tmp/ticket)"
expect_eq "the third ticket was the last" "no: Device or resource busy" "$(tickets 1)"

# The same to the end of the transition.
must "load the new patch" load livepatch-state-new
expect_eq "the old patch is gone" livepatch_state_new "$(patches)"
must "unload the old patch" unload livepatch-state-old
expect_eq "the count continues" "ticket 4 of 5|ticket 5 of 5|no: Device or resource busy" "$(tickets 3)"

mark_log
expect_match "the old patch is refused" "Invalid (parameters|argument)" "$(load_fails livepatch-state-old)"
expect_match "the log says why" \
	"^livepatch: Livepatch patch \(livepatch_state_old\) is not compatible with the already installed livepatches.\$" \
	"$(log_since)"
expect_eq "the new patch stays enabled" livepatch_state_new "$(patches)"

# The module is reloaded, and the count stays.
must "unload the module" unload klp_tickets
must "load the module again" load klp_tickets
expect_eq "still no ticket" "no: Device or resource busy" "$(tickets 1)"

must "remove the new patch" remove_patch livepatch-state-new
expect_eq "tickets without end again" "ticket 1|ticket 2|ticket 3" "$(tickets 3)"

# The count was freed.
must "load the new patch afresh" load livepatch-state-new
expect_eq "it counts from the start" "ticket 1 of 5|ticket 2 of 5" "$(tickets 2)"
must "remove it" remove_patch livepatch-state-new
must "load the old patch, which is allowed now" load livepatch-state-old
expect_eq "it counts from the start too" "ticket 4|ticket 5|ticket 6|no: Device or resource busy" \
	"$(tickets 4)"
must "remove the old patch" remove_patch livepatch-state-old
must "unload the module at the end" unload klp_tickets
rm -f /tmp/ticket
