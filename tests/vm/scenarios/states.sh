# SPDX-License-Identifier: GPL-2.0-only
# States: data is passed from a patch to the one that replaces it, and back when that is reversed.

. /klp/vm/lib.sh

said() {
	expect_eq "$1" "$3" "$(log_since | grep -v taint | sed -n "s/^$2: //p" | paste -sd '|')"
}

in_transition() {
	[ "$(cat "$LIVEPATCH/$1/transition")" = 1 ]
}

mark_log
must "load the first" load state-first
said "there was no previous one" state_first "previous false"
expect_eq "it counts" "first 1, version 1" "$(cat /proc/version)"

# A task that sleeps in a function of the first blocks the second.
sleepers_sleep
cat /proc/uptime >/tmp/uptime &
sleeper=$!
sleep 1
mark_log
check "load the second" insmod "$(module_file state-second)"
check "it waits" in_transition state_second
said "it sees the first one's data of the same type only" state_second \
	"previous 1 Some(1)|other 1 None"
check "reverse it" bash -c "echo 0 >$LIVEPATCH/state_second/enabled"
check "the second is gone" wait_until patch_gone state_second
wake_sleepers
wait $sleeper
expect_eq "the sleeper slept" "slept, 1" "$(cat /tmp/uptime)"
must "unload it" unload state-second
expect_eq "the data is with the first again" "first 2, version 1" "$(cat /proc/version)"
expect_no_match "nothing was dropped" "dropped" "$(log_since)"

mark_log
must "load the second again" load state-second
expect_eq "it continues the count" "second 3, version 2" "$(cat /proc/version)"
expect_match "the first was there until it was complete" "^state_second: still true\$" "$(log_since)"
check "the first is gone" wait_until patch_gone state_first
must "unload the first" unload state-first
expect_eq "the data stays" "second 4, version 2" "$(cat /proc/version)"
expect_no_match "still nothing was dropped" "dropped" "$(log_since)"

mark_log
expect_match "an older version is refused" "Invalid (parameters|argument)" "$(load_fails state-first)"
expect_eq "the second continues the count" "second 5, version 2" "$(cat /proc/version)"
must "remove the second" remove_patch state-second
said "the data is dropped once, by the last" state_second "dropped 5"

# From Rust to C: the pointer is to the value itself.
must "load the first once more" load state-first
expect_eq "it counts from the beginning" "first 1, version 1" "$(cat /proc/version)"
mark_log
must "load a patch in C that replaces it" load state-in-c
said "C sees the version" state_in_c "previous 1"
expect_eq "C continues the count" "C 2" "$(cat /proc/version)"
must "unload the first once more" unload state-first
expect_eq "C keeps counting" "C 3" "$(cat /proc/version)"

# From C to Rust: the data has no type.
mark_log
expect_match "the second does not take C's data over" "Invalid (parameters|argument)" \
	"$(load_fails state-second)"
said "it sees the version and no data" state_second "previous 2 None|other 2 None"
expect_match "the log says why" \
	"^klp: state_second::second::ASKED: the previous patch keeps data of another type; it is not used\$" \
	"$(log_since)"
expect_eq "C is still there" "C 4" "$(cat /proc/version)"
must "remove the patch in C" remove_patch state-in-c
rm -f /tmp/uptime
