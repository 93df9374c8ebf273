# SPDX-License-Identifier: GPL-2.0-only
# Callbacks run for the right objects in the right order; and one refuses its patch.

. /klp/vm/lib.sh

# said NAME PATCH EXPECTED - checks what the patch logged since mark_log, its lines joined by bars.
said() {
	expect_eq "$1" "$3" "$(log_since | grep -v taint | sed -n "s/^$2: //p" | paste -sd '|')"
}

mark_log
must "load" load callbacks
said "patching vmlinux" callbacks "pre_patch vmlinux|post_patch vmlinux"

mark_log
must "load the module" load klp_twins
said "loading a module" callbacks \
	"pre_patch klp_twins Coming|post_patch klp_twins Coming"
mark_log
must "unload the module" unload klp_twins
said "unloading a module" callbacks "pre_unpatch klp_twins Going|post_unpatch klp_twins Going"

must "load the module again" load klp_twins
mark_log
must "remove the patch" remove_patch callbacks
said "unpatching both" callbacks \
	"pre_unpatch vmlinux|pre_unpatch klp_twins Live|post_unpatch vmlinux|post_unpatch klp_twins Live"
mark_log
must "load the patch after the module" load callbacks
said "patching both" callbacks \
	"pre_patch vmlinux|pre_patch klp_twins Live|post_patch vmlinux|post_patch klp_twins Live"
must "remove the patch again" remove_patch callbacks
must "unload the module again" unload klp_twins

# A patch that its own callback refuses.
version=$(cat /proc/version)
mark_log
expect_match "the callback's error is returned" "Device or resource busy" "$(load_fails failing-pre-patch)"
expect_match "the log says why" "^livepatch: pre-patch callback failed for object 'vmlinux'\$" "$(log_since)"
said "the state's data is gone, and no other callback ran" failing_pre_patch "dropped 7"
check "no patch stays" patch_gone failing-pre-patch
check "no module stays" wait_until bash -c "[ ! -d /sys/module/failing_pre_patch ]"
expect_eq "/proc/version is the original" "$version" "$(cat /proc/version)"
