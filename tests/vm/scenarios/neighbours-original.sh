# SPDX-License-Identifier: GPL-2.0-only
# Everybody who may be at the entry of a patched function, while the replacement calls the original: all
# see one call, and what it returned. The original is entered behind them.

. /klp/vm/lib.sh
. /klp/vm/neighbours.sh || exit

must "load the module" load klp_entries
attach_all
must "load the patch" load entries-original
look_and_judge "the patch came after them" ""
settle_and_judge "the patch came after them" entries_original ""
detach_all
look_and_judge "they left" ""
settle_and_judge "they left" entries_original ""
attach_all
look_and_judge "they came after the patch" ""
must "disable the patch" disable entries-original
look_and_judge "the patch left" ""
must "unload the patch" unload entries-original
detach_all
must "unload the module" unload klp_entries
