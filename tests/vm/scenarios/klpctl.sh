# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# klpctl loads, replaces, takes back and unloads patches, and reverts those whose transitions stall.
# Limit: 300 s

. /klp/vm/lib.sh
. /klp/vm/klpctl.sh

first=$MODULES/held-first.ko
second=$MODULES/held-second.ko
held=/proc/klp_held

# hold FILE - starts a reader that stays in the function until `release`.
hold() {
	cat $held >"$1" 2>/dev/null &
	reader=$!
}

is_held() {
	grep -q '^State:.*D (' "/proc/$1/status" && grep -q klp_held_ "/proc/$1/stack"
}

release() {
	echo >$held
}

answer() {
	hold /tmp/answer
	wait_until is_held $reader
	release
	wait $reader
	cat /tmp/answer
}

check "nothing is loaded" ctl_status 0 status
expect_match "and it says so" "^no patches$" "$(said)"
check "a file says what it is" ctl_status 0 info "$first"
expect_match "its fixes" "^fixes +CVE-2026-0001, CVE-2026-0002$" "$(said)"
expect_match "its functions" "^replaces +klp_held_wait of klp_held$" "$(said)"
check "a patch of a module that is not loaded is refused before the kernel sees it" \
	ctl_status 4 load "$first"
expect_match "with what to do" "modprobe klp_held" "$(said)"

must "load the module" load klp_held
check "a dry run" ctl_status 0 --dry-run load "$first"
check "loads nothing" test ! -e $LIVEPATCH/held_first
check "what is no patch is refused" ctl_status 4 load "$MODULES/klp_held.ko"
expect_match "and why is said" "is a module, but no live patch" "$(said)"

must "load a patch" ctl_status 0 load "$first"
expect_eq "it is applied" first "$(answer)"
check "once" ctl_status 6 load "$first"
check "it is listed" ctl_status 0 list
expect_match "with version and fixes" \
	"^held_first +applied +1.0  1 function  CVE-2026-0001, CVE-2026-0002$" "$(said)"
check "its fixes are known" ctl_status 0 fixes CVE-2026-0002 cve-2026-0001
check "and no others" ctl_status 1 fixes CVE-2026-0001 CVE-2026-0003

must "load another patch on top" ctl_status 0 load --unchecked "$MODULES/livepatch-sample.ko"
must "take that back" ctl_status 0 rollback
check "the first is known still" ctl_status 0 fixes CVE-2026-0001

must "replace it" ctl_status 0 replace "$second"
expect_eq "the second is applied" second "$(answer)"
check "the module of the first is gone" test ! -e /sys/module/held_first
check "other fixes now" ctl_status 0 fixes CVE-2026-0003
must "take that back" ctl_status 0 rollback
expect_eq "the first is applied again" first "$(answer)"
check "the second is gone" test ! -e /sys/module/held_second
check "there is nothing more to take back" ctl_status 1 rollback

hold /tmp/held
must "a task stays in the replacement" wait_until is_held $reader
check "so the patch cannot be unloaded" ctl_status 7 unload held-first --timeout 2
expect_match "the task is named, and where it is" "task $reader \(cat\): .*klp_held_wait|task $reader \(cat\)" \
	"$(said)"
expect_match "with its stack" "stack: .*klp_held_sleep" "$(said)"
check "the patch is applied as before" settled held-first
check "status says so" ctl_status 0 status
release
wait $reader
expect_eq "the task got its answer" first "$(cat /tmp/held)"
must "then it can be unloaded" ctl_status 0 unload held-first
check "and is gone" test ! -e /sys/module/held_first

hold /tmp/held
must "a task stays in the original" wait_until is_held $reader
check "a patch that stalls is taken back" ctl_status 7 load --unchecked --timeout 2 "$first"
expect_match "and who held it up is said" "task $reader \(cat\)" "$(said)"
check "nothing is left of it" test ! -e /sys/module/held_first
release
wait $reader
expect_eq "the task has the original's answer" original "$(cat /tmp/held)"

hold /tmp/held
must "a task stays in the original again" wait_until is_held $reader
original=$reader
# Longer on slower kernels: what is looked at below is seen before that.
"$ctl" load --unchecked --timeout $((WAIT / 15)) "$first" >/tmp/stuck 2>&1 &
loader=$!
must "the transition runs" wait_until test -e $LIVEPATCH/held_first/transition
# A new task has switched from the beginning, so it stays in the replacement.
hold /tmp/held-new
must "another task stays in the replacement" wait_until is_held $reader
check "status says that it does" ctl_status 3 status
check "its blockers are known" ctl_status 0 blockers
expect_match "and for how long" "for [0-9]+ s, held up by" "$(said)"
expect_match "by name" "task $original \(cat\)" "$(said)"
check "as JSON, too" ctl_status 0 --json blockers held_first
expect_match "with the task" "\"tid\": $original," "$(said)"
wait $loader
expect_eq "it could not be reverted" 8 $?
expect_match "and says who is in the way" "task $reader \(cat\)" "$(cat /tmp/stuck)"
check "a second patch has to wait" ctl_status 3 load --unchecked --timeout 1 "$second"
release
wait $original $reader
must "it ends when they move" wait_until patch_gone held-first
check "status names the module that is left" ctl_status 0 status
expect_match "and what to do" "klpctl unload held_first" "$(said)"
must "which works" ctl_status 0 unload held_first

must "unload the module" unload klp_held
rm -rf /tmp/ctl /tmp/answer /tmp/held /tmp/held-new /tmp/stuck /run/klpctl
