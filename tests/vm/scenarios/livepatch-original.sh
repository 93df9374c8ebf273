# SPDX-License-Identifier: GPL-2.0-only
# Replacements that call originals of vmlinux, and of a module that is loaded after the patch, unloaded, and
# loaded again.

. /klp/vm/lib.sh

patch=$LIVEPATCH/livepatch_original
cmdline=$(cat /proc/cmdline)
catalog=/proc/klp_catalog

without_capability() {
	setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@" 2>&1
}

price() {
	echo "$1" >$catalog
	cat $catalog 2>&1
}

must "load the patch, without the module" load livepatch-original
expect_eq "the original is called" "$cmdline" "$(cat /proc/cmdline)"
expect_match "reading without the capability fails" "Operation not permitted" \
	"$(without_capability cat /proc/cmdline)"

for round in first second; do
	must "$round load of the module" load klp_catalog
	expect_eq "$round: the original is called" 250 "$(price 1)"
	expect_match "$round: the check runs before it" "Invalid argument" "$(price 3)"
	must "$round unload of the module" unload klp_catalog
	must "$round patch" renew_before_6_3 livepatch-original
done

must "load of the module once more" load klp_catalog
must "disable the patch under the module" disable livepatch-original
expect_eq "the module has no check" 4711 "$(price 3)"
expect_eq "the kernel has no check" "$cmdline" "$(without_capability cat /proc/cmdline)"
must "unload the patch" unload livepatch-original

must "load the patch after the module" load livepatch-original
expect_eq "a module that was loaded before: the original is called" 975 "$(price 2)"
expect_match "a module that was loaded before: the check runs" "Invalid argument" "$(price 3)"
expect_eq "sysfs shows the module as patched" 1 "$(cat "$patch/klp_catalog/patched")"
must "remove the patch" remove_patch livepatch-original
must "unload the module" unload klp_catalog
