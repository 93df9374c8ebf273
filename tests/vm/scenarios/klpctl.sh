# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# klpctl loads, replaces, rolls back and unloads patches, and reverts those whose transitions stall.
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

check "klpctl status succeeds without patches" ctl_status 0 status
expect_match "status shows that there are no patches" "^no patches$" "$(said)"
check "klpctl info succeeds" ctl_status 0 info "$first"
expect_match "info shows fixes" "^fixes +CVE-2026-0001, CVE-2026-0002$" "$(said)"
expect_match "info shows functions" "^replaces +klp_held_wait of klp_held$" "$(said)"
check "a patch of a module that is not loaded is refused before the kernel sees it" \
	ctl_status 4 load "$first"
expect_match "the error says what to do" "modprobe klp_held" "$(said)"

must "load the module" load klp_held
check "a dry run of load succeeds" ctl_status 0 --dry-run load "$first"
check "a dry run loads nothing" test ! -e $LIVEPATCH/held_first
check "a module that is not a patch is refused" ctl_status 4 load "$MODULES/klp_held.ko"
expect_match "the error says why" "is a module, but not a live patch" "$(said)"

must "load a patch" ctl_status 0 load "$first"
expect_eq "the patch is applied" first "$(answer)"
check "loading the patch twice is refused" ctl_status 6 load "$first"
check "klpctl list succeeds" ctl_status 0 list
expect_match "list shows the patch with version and fixes" \
	"^held_first +applied +1.0  1 function  CVE-2026-0001, CVE-2026-0002$" "$(said)"
check "its fixes are known" ctl_status 0 fixes CVE-2026-0002 cve-2026-0001
check "other fixes are not known" ctl_status 1 fixes CVE-2026-0001 CVE-2026-0003

must "load another patch on top" ctl_status 0 load --unchecked "$MODULES/livepatch-sample.ko"
must "roll the other patch back" ctl_status 0 rollback
check "the fixes of the first patch are still known" ctl_status 0 fixes CVE-2026-0001

must "replace the first patch" ctl_status 0 replace "$second"
expect_eq "the second patch is applied" second "$(answer)"
check "the module of the first patch is gone" test ! -e /sys/module/held_first
check "the fixes of the second patch are known" ctl_status 0 fixes CVE-2026-0003
must "roll the replacement back" ctl_status 0 rollback
expect_eq "the first patch is applied again" first "$(answer)"
check "the module of the second patch is gone" test ! -e /sys/module/held_second
check "there is nothing more to roll back" ctl_status 1 rollback

hold /tmp/held
must "a task stays in the replacement" wait_until is_held $reader
check "the patch cannot be unloaded then" ctl_status 7 unload held-first --timeout 2
expect_match "the blocking task is reported, with its function" "task $reader \(cat\): .*klp_held_wait|task $reader \(cat\)" \
	"$(said)"
expect_match "the task's stack is reported" "stack: .*klp_held_sleep" "$(said)"
check "the patch stays applied" settled held-first
check "klpctl status shows no transition" ctl_status 0 status
release
wait $reader
expect_eq "the task got its answer" first "$(cat /tmp/held)"
must "the patch can be unloaded afterwards" ctl_status 0 unload held-first
check "the unloaded module is gone" test ! -e /sys/module/held_first

hold /tmp/held
must "a task stays in the original" wait_until is_held $reader
check "a patch that stalls is reverted" ctl_status 7 load --unchecked --timeout 2 "$first"
expect_match "the task that blocked it is reported" "task $reader \(cat\)" "$(said)"
check "the module of the reverted patch is gone" test ! -e /sys/module/held_first
release
wait $reader
expect_eq "the task has the original's answer" original "$(cat /tmp/held)"

hold /tmp/held
must "a task stays in the original again" wait_until is_held $reader
original=$reader
# Longer on slower kernels, so that the checks below finish before the timeout.
"$ctl" load --unchecked --timeout $((WAIT / 10)) "$first" >/tmp/stuck 2>&1 &
loader=$!
# A new task is in the state of the task that starts it.
must "the transition runs" wait_until grep -qx 1 /proc/$$/patch_state
hold /tmp/held-new
must "another task stays in the replacement" wait_until is_held $reader
check "klpctl status shows the transition" ctl_status 3 status
check "klpctl blockers succeeds" ctl_status 0 blockers
expect_match "blockers shows the duration" "for [0-9]+ s, held up by" "$(said)"
expect_match "blockers shows the task" "task $original \(cat\)" "$(said)"
check "klpctl --json blockers succeeds" ctl_status 0 --json blockers held_first
expect_match "JSON has the task" "\"tid\": $original," "$(said)"
wait $loader
expect_eq "the patch could not be reverted" 8 $?
expect_match "the task that blocks the reversal is reported" "task $reader \(cat\)" "$(cat /tmp/stuck)"
check "a second patch has to wait" ctl_status 3 load --unchecked --timeout 1 "$second"
release
wait $original $reader
must "the transition ends when the tasks move" wait_until patch_gone held-first
check "klpctl status succeeds with a leftover module" ctl_status 0 status
expect_match "status says how to unload the leftover module" "klpctl unload held_first" "$(said)"
must "the leftover module can be unloaded" ctl_status 0 unload held_first

must "unload the module" unload klp_held
rm -rf /tmp/ctl /tmp/answer /tmp/held /tmp/held-new /tmp/stuck /run/klpctl
