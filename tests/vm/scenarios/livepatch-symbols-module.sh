# SPDX-License-Identifier: GPL-2.0-only
# Relocations to a module are applied when it is loaded, cleared when it is unloaded, and applied again.

. /klp/vm/lib.sh

must "load the patch, without the module" load livepatch-symbols-module

for round in first second third; do
	must "$round load of the module" load klp_meter
	expect_eq "$round: the module's function is called, and its data read" "3250 mV, reading 1" \
		"$(cat /proc/klp_meter)"
	expect_eq "$round: it is the module's own" "3250 mV, reading 2" "$(cat /proc/klp_meter)"
	must "$round unload of the module" unload klp_meter
	must "$round patch" renew_before_6_3 livepatch-symbols-module
done

must "load of the module once more" load klp_meter
must "disable the patch under the module" disable livepatch-symbols-module
expect_eq "the module's original output" "3250 V" "$(cat /proc/klp_meter)"
must "unload the patch" unload livepatch-symbols-module

must "load the patch after the module" load livepatch-symbols-module
expect_eq "relocations to a module that was loaded before are applied, too" "3250 mV, reading 2" \
	"$(cat /proc/klp_meter)"
must "remove the patch" remove_patch livepatch-symbols-module
must "unload the module" unload klp_meter
