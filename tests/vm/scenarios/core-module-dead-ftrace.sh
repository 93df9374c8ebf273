# SPDX-License-Identifier: GPL-2.0-only
# After ftrace has shut itself down, it still calls klp-core and cannot be made to stop. So klp-core stays loaded.
# In a separate boot, because ftrace does not come back.
# Boot: noresume

. /klp/vm/lib.sh

core=$LIVEPATCH/klp_core

only_with_core_module

patched="this has been live patched"
original=$(cat /proc/cmdline)

must "a patch is loaded" load livepatch-sample
expect_eq "the patch is applied" "$patched" "$(cat /proc/cmdline)"
must "the patch is removed" remove_patch livepatch-sample
expect_match "ftrace shuts itself down" "Operation canceled" "$(load_fails klp_dead_ftrace)" || exit 1
expect_match "no patch can be enabled" "No such device" "$(load_fails livepatch-sample)"
expect_eq "the original is back" "$original" "$(cat /proc/cmdline)"
mark_log
expect_match "klp-core cannot be disabled" "No such device" "$( (echo 0 >$core/enabled) 2>&1)"
expect_match "the log says why" "^livepatch: ftrace has shut itself down, .* restart" "$(log_since)"
check "klp-core cannot be unloaded" test "$(rmmod klp_core 2>/dev/null || echo refused)" = refused
expect_eq "klp-core stays enabled" 1 "$(cat $core/enabled)"
expect_eq "klp-core still works" "$original" "$(cat /proc/cmdline)"
