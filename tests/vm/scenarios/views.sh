# SPDX-License-Identifier: GPL-2.0-only
# Views: members of every kind are read and written at their offsets in C.

. /klp/vm/lib.sh

parameters=/sys/module/klp_view_target/parameters

# said WHAT - what the patch has logged about it.
said() {
	log_since | sed -n "s/^views: $1 //p" | paste -sd '|'
}

must "load the module" load klp_view_target
expect_eq "the initial values" \
	"3 500 1 5 -100 1 2 10,11,12,13 1 1 second 3 90 100,200,300 1020304 first" \
	"$(cat $parameters/state)"
must "load the patch" load views

mark_log
check "call the replacement" bash -c "echo 1 >$parameters/step"
expect_eq "members of inner structures" "3 500" "$(said path)"
expect_eq "bit-fields" "true 5 -100" "$(said bits)"
expect_eq "a union, read by two of its members" "0x200000001 2" "$(said union)"
expect_eq "an array" "4 46 true" "$(said array)"
expect_eq "a name in an array" "Some(5) Some(102)" "$(said name)"
expect_eq "a bool and an enumeration" "true enum 1" "$(said bool)"
expect_eq "a flexible array" "3 600" "$(said flexible)"
expect_eq "an inner structure" "9 90" "$(said inner)"
expect_eq "a pointer that may be NULL" "Some(Some(21)) true" "$(said next)"
expect_eq "a pointer that is never NULL" "7" "$(said owner)"
expect_eq "an ERR_PTR()" "Err(-19)" "$(said failed)"
expect_eq "a string" "Some([111, 110, 101])" "$(said label)"
expect_eq "a void pointer" "Some(1122334455667788)" "$(said private)"
expect_eq "a pointer under RCU" "Some(Some(23)) true" "$(said peer)"
expect_eq "container_of" "1122334455667788 7" "$(said container)"
expect_eq "a write through the container is visible" "1122334455667789" "$(said stored)"
expect_eq "a packed structure" "1 1020304" "$(said packed)"
expect_eq "a change by C between two reads is visible" "1" "$(said between)"
expect_eq "single accesses" "(3, 0, 7) true" "$(said loads)"
expect_eq "a member of a member's target" "70" "$(said chain)"
expect_eq "writing beyond the last element is an error" "Err(-22)" "$(said outside)"
expect_eq "the values that the patch has written" \
	"4 500 0 2 -101 1 77 10,1111,12,13 0 1 - 3 91 100,200,333 10203fb first" \
	"$(cat $parameters/state)"

must "remove the patch" remove_patch views
must "unload the module" unload klp_view_target
