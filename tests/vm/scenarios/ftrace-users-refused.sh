# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# Those who cannot share the entry of a function with a live patch: whoever is there first keeps the other
# out, and nothing else changes.

. /klp/vm/lib.sh
. /klp/vm/ftrace-users.sh || exit

BUSY="Device or resource busy"
ftrace_enabled=/proc/sys/kernel/ftrace_enabled

hits() { cat /sys/module/klp_ftrace_user/parameters/hits; }

# own_words - tells which functions show something else than without a patch.
own_words() {
	local kind shown
	for kind in $KINDS; do
		read -r shown <"${FILE[$kind vmlinux]}"
		[ "$shown" = "${ORIGINAL[$kind vmlinux]}" ] || echo "${FUNCTION[$kind vmlinux]} shows \`$shown\`"
	done
}

# keeps_the_patch_out KIND PLACES
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
	must "$what goes" unload klp_ftrace_user
}

# is_kept_out KIND PLACES
is_kept_out() {
	local what="$1 at $2$with"
	expect_match "$what is kept out" "$BUSY" "$(load_fails klp_ftrace_user "kind=$1" "at=$2")"
	expect_eq "$what, the patch is there" first "$(cat /sys/kernel/fscaps)"
}

# each_kind COMMAND - with all kinds and places. Some are known to ftrace for another function already.
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
settle_and_judge "the patch is there" entries_first first
with=", settled"
each_kind is_kept_out
check "ftrace cannot be turned off" bash -c "! echo 0 2>/dev/null >$ftrace_enabled"
expect_eq "ftrace is on" 1 "$(cat $ftrace_enabled)"

# The livepatch core is no stranger to ftrace, either.
must "remove the patch" remove_patch entries-first
must "load a patch of something else" load livepatch-syscall
with=", with another patch"
keeps_the_patch_out direct fscaps_show
keeps_the_patch_out post_handler fscaps_show
must "remove the patch of something else" remove_patch livepatch-syscall

# Nothing of it stays.
must "load the direct call" load klp_ftrace_user kind=direct at=fscaps_show
expect_eq "nothing is patched" "" "$(own_words)"
expect_eq "the direct call sees the call" 1 "$(hits)"
must "unload the direct call" unload klp_ftrace_user
# From 7.3 on nobody can, nor while klp-core is there as a module, which is a live patch itself.
if before_series 7.3 && [ ! -e "$LIVEPATCH/klp_core" ]; then
	check "ftrace can be turned off" bash -c "echo 0 >$ftrace_enabled && echo 1 >$ftrace_enabled"
fi
