# SPDX-License-Identifier: GPL-2.0-only
# A patch is built for functions with certain entries, and refused for a function with another entry.

. /klp/vm/lib.sh

number=/sys/module/klp_rebuilt/parameters/number
version=$(cat /proc/version)

refused() {
	log_since | grep -c "^klp: original_rebuilt: the entry of .rebuilt_number. of .klp_rebuilt. is not what the patch was built for (its traced call is at 0x[048])"
}

must "load the rebuilt module" load klp_rebuilt
expect_eq "the function works" 1 "$(cat $number)"
mark_log
expect_match "the patch for the older one is refused" "Exec format error|Invalid module format" \
	"$(load_fails original-rebuilt)"
expect_eq "the log says why" 1 "$(refused)"
expect_eq "nothing was patched" 1 "$(cat $number)"
expect_eq "vmlinux was not patched either" "$version" "$(cat /proc/version)"
must "unload the module" unload klp_rebuilt

must "load the patch without the module" load original-rebuilt
expect_eq "the rest of it applies" patched "$(cat /proc/version)"
mark_log
expect_match "the module is refused then" "Exec format error|Invalid module format" \
	"$(load_fails klp_rebuilt)"
expect_eq "the log says why, again" 1 "$(refused)"
must "remove the patch" remove_patch original-rebuilt
must "the module can be loaded now" load klp_rebuilt
expect_eq "its function is the original" 1 "$(cat $number)"
must "unload the module at the end" unload klp_rebuilt
