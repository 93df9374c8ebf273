# SPDX-License-Identifier: GPL-2.0-only
# A module that a patch refused after its relocations were written can be loaded when the patch no longer
# refuses it.

. /klp/vm/lib.sh

refuse=/sys/module/flaw_refused/parameters/refuse

must "load the patch" load flaw-refused
expect_match "the module is refused" . "$(load_fails klp_vault)"
echo N >$refuse
must "the module can be loaded now" load klp_vault
expect_eq "it is patched" "patched 100" "$(cat /proc/klp_vault)"
must "remove the patch" remove_patch flaw-refused
must "unload the module" unload klp_vault
