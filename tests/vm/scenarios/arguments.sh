# SPDX-License-Identifier: GPL-2.0-only
# Arguments that point to integers and buffers, sockptr_t, and credentials.

. /klp/vm/lib.sh

answers=/sys/module/klp_arguments/parameters/answers

must "load the module" load klp_arguments
expect_eq "what C answers" "3 12 5 6 5 40 1 4 71 -1" "$(cat $answers)"
must "load the patch" load arguments
# (10 * 2 + 1) * 2 + 1, 5 + 100, all of the message, EMSGSIZE of a cut one, twice the option, and all three
# of the credentials. One more than was copied out, the first one for the second, and none.
expect_eq "what the patch makes of it" "4 43 105 6 -90 80 7 5 70 -1" "$(cat $answers)"
must "remove the patch" remove_patch arguments
expect_eq "what C answers then" "3 12 5 6 5 40 1 4 71 -1" "$(cat $answers)"
must "unload the module" unload klp_arguments
