# SPDX-License-Identifier: GPL-2.0-only
# Shadow variables: attached once, freed at the end, and never mistaken for those of another type.

. /klp/vm/lib.sh

# Reads a line in this shell itself, because the data is attached to its task.
asked() {
	local line
	read -r line </proc/version
	echo "$line" >/tmp/asked
}

said() {
	expect_eq "$1" "$3" "$(log_since | sed -n "s/^$2: //p" | sort | paste -sd '|')"
}

must "load" load shadow-count
for count in 1 2 3; do
	asked
	expect_eq "the same data, time $count" "asked $count" "$(cat /tmp/asked)"
done
expect_eq "another task has separate data" "asked 1" "$(cat /proc/version)"

expect_eq "a constructor that fails attaches nothing" "Some(-28) false" "$(cat /proc/uptime)"

mark_log
must "load a patch that uses the id for another type" load shadow-confused
line=
for _ in 1 2; do
	read -r line </proc/cmdline
	expect_eq "the type mismatch is an error" "Err(-17) Err(-17)" "$line"
done
expect_match "the log has the type mismatch" \
	"^klp: shadow_confused::confused::ASKED: another patch keeps shadow data of another type under id 1; it is not used\$" \
	"$(log_since)"
expect_eq "the type mismatch is logged once" 1 "$(log_since | grep -c "of another type")"
asked
expect_eq "the data is unchanged" "asked 4" "$(cat /tmp/asked)"

mark_log
must "disable the first" disable shadow-count
said "it frees nothing while the other uses the id" shadow_count "freed false"
must "unload the first" unload shadow-count
must "remove the other" remove_patch shadow-confused
rm -f /tmp/asked

must "load again, alone" load shadow-count
asked
cat /proc/version >/tmp/asked
mark_log
must "remove" remove_patch shadow-count
said "all data is dropped" shadow_count "dropped 1|dropped 1|freed true"
rm -f /tmp/asked
