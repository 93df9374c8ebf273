# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# Ftrace users that cannot share a function with a live patch: the second one is refused, and nothing else
# changes.

. /klp/vm/lib.sh
. /klp/vm/ftrace-users.sh || exit

BUSY="Device or resource busy"
ftrace_enabled=/proc/sys/kernel/ftrace_enabled

hits() { cat /sys/module/klp_ftrace_user/parameters/hits; }

# own_words - prints the functions whose output differs from the original.
own_words() {
	local kind shown
	for kind in $KINDS; do
		read -r shown <"${FILE[$kind vmlinux]}"
		[ "$shown" = "${ORIGINAL[$kind vmlinux]}" ] || echo "${FUNCTION[$kind vmlinux]} shows \`$shown\`"
	done
}

# keeps_the_patch_out KIND FUNCTIONS - a user that is attached first makes the kernel refuse the patch.
keeps_the_patch_out() {
	local what="$1 at $2$with" before
	must "$what" load klp_ftrace_user "kind=$1" "at=$2"
	mark_log
	expect_match "$what keeps the patch out" "$BUSY" "$(load_fails entries-first)"
	expect_match "$what, the kernel says where" \
		"^livepatch: failed to register ftrace handler for function 'fscaps_show' \(-16\)" "$(log_since)"
	before=$(hits)
	expect_eq "$what, nothing is patched" "" "$(own_words)"
	expect_eq "$what sees the call" $((before + 1)) "$(hits)"
	must "$what is detached" unload klp_ftrace_user
}

# is_kept_out KIND FUNCTIONS - the kernel refuses a user after the patch.
is_kept_out() {
	local what="$1 at $2$with"
	expect_match "$what is kept out" "$BUSY" "$(load_fails klp_ftrace_user "kind=$1" "at=$2")"
	expect_eq "$what, the patch stays applied" first "$(cat /sys/kernel/fscaps)"
}

# each_kind COMMAND - runs a command with all kinds. Some have another function at ftrace already.
each_kind() {
	"$1" post_handler fscaps_show
	"$1" post_handler warn_count_show,fscaps_show
	"$1" direct fscaps_show
	"$1" ipmodify fscaps_show
}

with=
each_kind keeps_the_patch_out
must "load the patch" load entries-first
each_kind is_kept_out
settle_and_judge "the patch is loaded" entries_first first
with=", settled"
each_kind is_kept_out
check "ftrace cannot be turned off" bash -c "! echo 0 2>/dev/null >$ftrace_enabled"
expect_eq "ftrace is on" 1 "$(cat $ftrace_enabled)"

# The same while the livepatch core's ftrace_ops is registered already.
must "remove the patch" remove_patch entries-first
must "load a patch of another function" load livepatch-syscall
with=", with another patch"
keeps_the_patch_out direct fscaps_show
keeps_the_patch_out post_handler fscaps_show
must "remove the patch of another function" remove_patch livepatch-syscall

# The patches leave nothing behind.
must "load the direct call" load klp_ftrace_user kind=direct at=fscaps_show
expect_eq "nothing is patched" "" "$(own_words)"
expect_eq "the direct call sees the call" 1 "$(hits)"
must "unload the direct call" unload klp_ftrace_user
# Not from 7.3 on, nor with klp-core as a module, which is a live patch itself.
if before_series 7.3 && [ ! -e "$LIVEPATCH/klp_core" ]; then
	check "ftrace can be turned off" bash -c "echo 0 >$ftrace_enabled && echo 1 >$ftrace_enabled"
fi
