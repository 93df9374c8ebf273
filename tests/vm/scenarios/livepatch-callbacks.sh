# SPDX-License-Identifier: GPL-2.0-only
# Callbacks run for the right objects, in the right order and with the right state of the module.

. /klp/vm/lib.sh

patch=$LIVEPATCH/livepatch_callbacks
busy=/sys/module/klp_callbacks_busy/parameters/busy

# logged NAME LINE... - checks what the callbacks and the target have logged since the mark.
logged() {
	local name=$1
	shift
	expect_eq "$name" "$(printf '%s\n' "$@" | paste -sd '|')" \
		"$(log_since | sed -nE 's/^(livepatch_callbacks|refused_module): (p[a-z]*_[a-z]*: )/\2/p; s/^klp_callbacks_target: (init|exit)$/target \1/p' | paste -sd '|')"
	mark_log
}

# Starts a reader of /proc/klp_busy that sleeps in the module's function.
start_reader() {
	echo 1 >$busy
	cat /proc/klp_busy >/tmp/busy &
	reader=$!
	must "$1: a reader sleeps in the module" wait_until grep -q '^State:.*D (' "/proc/$reader/status"
	sleep 0.2
}

end_reader() {
	echo 0 >$busy
	wait "$reader"
	expect_eq "$1" "$2" "$(cat /tmp/busy)"
}

mark_log
must "no module: load" load livepatch-callbacks
logged "no module: vmlinux alone before and after patching" "pre_patch: vmlinux" "post_patch: vmlinux"
must "no module: disable" disable livepatch-callbacks
logged "no module: vmlinux alone before and after reverting" \
	"pre_unpatch: vmlinux" "post_unpatch: vmlinux"
must "no module: unload" unload livepatch-callbacks

must "module first: load the module" load klp_callbacks_target
must "module first: load the patch" load livepatch-callbacks
logged "module first: both objects" "target init" \
	"pre_patch: vmlinux" "pre_patch: klp_callbacks_target (Live)" \
	"post_patch: vmlinux" "post_patch: klp_callbacks_target (Live)"
must "module first: disable" disable livepatch-callbacks
logged "module first: both objects when reverting" \
	"pre_unpatch: vmlinux" "pre_unpatch: klp_callbacks_target (Live)" \
	"post_unpatch: vmlinux" "post_unpatch: klp_callbacks_target (Live)"
must "module first: unload the patch" unload livepatch-callbacks
must "module first: unload the module" unload klp_callbacks_target
logged "without patch nothing runs" "target exit"

must "module later: load the patch" load livepatch-callbacks
logged "module later: vmlinux alone" "pre_patch: vmlinux" "post_patch: vmlinux"
for round in first second; do
	must "module later: $round load" load klp_callbacks_target
	logged "module later: $round: before its init" \
		"pre_patch: klp_callbacks_target (Coming)" "post_patch: klp_callbacks_target (Coming)" \
		"target init"
	must "module later: $round unload" unload klp_callbacks_target
	logged "module later: $round: after its exit" "target exit" \
		"pre_unpatch: klp_callbacks_target (Going)" "post_unpatch: klp_callbacks_target (Going)"
done
must "module later: load it once more" load klp_callbacks_target
mark_log
must "module later: remove the patch" remove_patch livepatch-callbacks
logged "module later: both objects when reverting" \
	"pre_unpatch: vmlinux" "pre_unpatch: klp_callbacks_target (Live)" \
	"post_unpatch: vmlinux" "post_unpatch: klp_callbacks_target (Live)"

# The target module is loaded, and the patch is refused.
expect_match "refused: the patch" "No such device" "$(load_fails refused-module)"
logged "refused: what was prepared is cleaned up" \
	"pre_patch: vmlinux" "pre_patch: refused" "post_unpatch: vmlinux"
check "refused: no patch stays" patch_gone refused-module
must "unload the module" unload klp_callbacks_target

# The target module is loaded later, and is refused.
must "refused module: load the patch" load refused-module
mark_log
expect_match "refused module: the module" "." "$(load_fails klp_callbacks_target)"
logged "refused module: neither its init nor another callback" "pre_patch: refused"
check "refused module: it is not loaded" bash -c '[ ! -d /sys/module/klp_callbacks_target ]'
must "refused module: remove the patch" remove_patch refused-module
logged "refused module: vmlinux alone when reverting" "pre_unpatch: vmlinux" "post_unpatch: vmlinux"

# A task sleeps in the function to be replaced: the transition waits.
must "busy: load the module" load klp_callbacks_busy
start_reader "busy"
must "busy: load the patch" insmod "$(module_file livepatch-callbacks)"
sleep 1
expect_eq "busy: the transition goes on" "1 1" "$(cat $patch/enabled $patch/transition | xargs)"
expect_eq "busy: it is the reader who has not switched" 0 "$(cat "/proc/$reader/patch_state")"
logged "busy: prepared, not done" "pre_patch: klp_callbacks_busy (Live)" "pre_patch: vmlinux"
must "busy: a module may be loaded meanwhile" load klp_callbacks_target
logged "busy: it is prepared, not done" "pre_patch: klp_callbacks_target (Coming)" "target init"
end_reader "busy: the reader gets the module's answer" "the module's answer"
must "busy: then the transition ends" wait_until settled livepatch-callbacks
logged "busy: and all is done" "post_patch: klp_callbacks_busy (Live)" \
	"post_patch: vmlinux" "post_patch: klp_callbacks_target (Live)"
expect_eq "busy: the patch answers" "the patch's answer" "$(cat /proc/klp_busy)"
must "busy: remove the patch" remove_patch livepatch-callbacks
must "busy: unload the other module" unload klp_callbacks_target
mark_log

# The transition is reversed while it waits.
start_reader "reversed"
must "reversed: load the patch" insmod "$(module_file livepatch-callbacks)"
sleep 1
expect_eq "reversed: the transition goes on" "1 1" "$(cat $patch/enabled $patch/transition | xargs)"
must "reversed: load a module meanwhile" load klp_callbacks_target
must "reversed: disable" disable livepatch-callbacks
logged "reversed: what was not done is not undone, only cleaned up" \
	"pre_patch: klp_callbacks_busy (Live)" "pre_patch: vmlinux" \
	"pre_patch: klp_callbacks_target (Coming)" "target init" \
	"post_unpatch: klp_callbacks_busy (Live)" \
	"post_unpatch: vmlinux" "post_unpatch: klp_callbacks_target (Live)"
check "reversed: the reader still sleeps" kill -0 "$reader"
end_reader "reversed: the reader gets the module's answer" "the module's answer"
must "reversed: unload the patch" unload livepatch-callbacks
must "reversed: unload the module" unload klp_callbacks_target
must "unload the busy module" unload klp_callbacks_busy
rm -f /tmp/busy
