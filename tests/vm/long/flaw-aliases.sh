# SPDX-License-Identifier: GPL-2.0-only
# The transition of a patch of one function by two of its names ends.

. /klp/vm/lib.sh

must "load the module" load klp_vault
must "load a patch of one function by two names" load two-names
expect_eq "the later name is on top" second "$(cat /proc/klp_vault)"
must "remove the patch" remove_patch two-names
must "unload the module" unload klp_vault
