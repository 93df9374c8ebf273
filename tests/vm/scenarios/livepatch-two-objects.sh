# SPDX-License-Identifier: GPL-2.0-only
# A patch for vmlinux and for a module that is loaded after it, unloaded, and loaded again.

. /klp/vm/lib.sh

patch=$LIVEPATCH/livepatch_two_objects
version=$(cat /proc/version)

must "load the patch, without the module" load livepatch-two-objects
expect_eq "/proc/version is patched" "a live patched kernel" "$(cat /proc/version)"
expect_eq "the module is not loaded, so not patched" 0 "$(cat "$patch/klp_greeter/patched")"

for round in first second; do
	mark_log
	must "$round load of the module" load klp_greeter
	expect_eq "$round: patched before its first use" "hello from the live patch" \
		"$(cat /proc/klp_greeting)"
	expect_eq "$round: sysfs shows the module as patched" 1 "$(cat "$patch/klp_greeter/patched")"
	must "$round unload of the module" unload klp_greeter
	expect_eq "$round: sysfs shows the unloaded module as not patched" 0 "$(cat "$patch/klp_greeter/patched")"
	expect_eq "$round: the kernel's log" \
		"applying patch 'livepatch_two_objects' to loading module 'klp_greeter'|reverting patch 'livepatch_two_objects' on unloading module 'klp_greeter'" \
		"$(log_since | sed -n 's/^livepatch: //p' | paste -sd '|')"
done

must "load of the module once more" load klp_greeter
must "disable the patch under the module" disable livepatch-two-objects
expect_eq "the module's original output" "hello from the module" "$(cat /proc/klp_greeting)"
expect_eq "/proc/version is back" "$version" "$(cat /proc/version)"
must "unload the patch" unload livepatch-two-objects

must "load the patch after the module" load livepatch-two-objects
expect_eq "a module that was loaded before is patched, too" "hello from the live patch" \
	"$(cat /proc/klp_greeting)"
must "remove the patch" remove_patch livepatch-two-objects
must "unload the module" unload klp_greeter
