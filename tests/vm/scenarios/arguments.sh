# SPDX-License-Identifier: GPL-2.0-only
# Pointers to integers and buffers, sockptr_t, and credentials as arguments.

. /klp/vm/lib.sh

answers=/sys/module/klp_arguments/parameters/answers

must "load the module" load klp_arguments
expect_eq "the original results" "3 12 5 6 5 40 1 4 71 -1" "$(cat $answers)"
must "load the patch" load arguments
# (10 * 2 + 1) * 2 + 1, 5 + 100, the whole message, EMSGSIZE for a truncated one, twice the option, and all three
# bits of the credentials. One more than was copied out, the first one for the second, and none.
expect_eq "the patched results" "4 43 105 6 -90 80 7 5 70 -1" "$(cat $answers)"
must "remove the patch" remove_patch arguments
expect_eq "the original results are back" "3 12 5 6 5 40 1 4 71 -1" "$(cat $answers)"
must "unload the module" unload klp_arguments
