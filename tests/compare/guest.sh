# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Loads valid and invalid patches in the guest, in a fixed order, and prints all visible effects. Another
# livepatch core has to print the same.
#
# A line `@ NAME` begins a case. It is followed by the command and its result, the kernel's log, sysfs, the
# patches' modules, the behaviour of patched functions, and the kernel's taint.

set -u
export LC_ALL=C

MODULES=/klp/compare/modules
LIVEPATCH=/sys/kernel/livepatch
# Time limits of a transition, and of the removal of a patch after it, in tenths of a second.
TRANSITION=300
END=50
# A pipe that nothing is written to, for `pause`.
exec {SILENCE}<> <(:)
# The part of case names about the patched module.
WITH=

# --- Output. Starts few processes: they are slow in an emulated machine. -----------------------

# The kernel's log about live patches since the case began. Omits what varies: times, addresses, the
# position of a warning, and the line about signals, which comes after 15 seconds.
words() {
    dmesg | sed -nE 's/^(\[[ TC0-9.]*\] ?)+//
        # %p before the kernel has the key to hash addresses.
        s/\(____ptrval____\)/ADDRESS/g
        s/\b(0x)?[0-9a-f]{16}\b/ADDRESS/g
        s/^WARNING: .*/WARNING/
        /: signaling remaining tasks$/d
        s/^(livepatch|klp_|kobject|sysfs|WARNING|BUG|Oops|Duplicate|general protection)/log: &/p'
}

# sysfs with its values, debugfs without: those vary.
tree() {
    local kind mode path value
    [ -d "$1" ] || return
    find "$1" -mindepth 1 -printf '%y %M %P\n' | sort -k3 | while read -r kind mode path; do
        value=
        if [ "$kind$2" = fsysfs ] && [ "${path##*/}" != force ]; then
            read -r value 2>/dev/null <"$1/$path"
            value=" = $value"
        fi
        echo "$2: $mode $path$value"
    done
}

modules() {
    local name size used by state address taint
    while read -r name size used by state address taint; do
        case $name in
        klp_* | livepatch_* | second_patch) echo "module: $name used $used by $by $state $taint" ;;
        esac
    done </proc/modules
}

behaviour() {
    local line
    read -r line </proc/version
    echo "call: ${line/#Linux*/version: original}"
    read -r line </proc/cmdline
    echo "call: ${line/#*console=*/cmdline: original}"
    [ -e /proc/klp_cmp ] || return
    while read -r line; do
        echo "call: $line"
    done </proc/klp_cmp
}

# --- Steps -------------------------------------------------------------------------------------

# any VALUE FILE... - whether one of the files has this value.
any() {
    local wanted=$1 file value
    shift
    for file; do
        value=
        read -r value 2>/dev/null <"$file"
        [ "$value" = "$wanted" ] && return 0
    done
    return 1
} 2>/dev/null

in_transition() { any 1 "$LIVEPATCH"/*/transition; }

# Whether a patch is being removed: a worker releases it after the last line in the log.
ending() {
    local module
    any 0 "$LIVEPATCH"/*/enabled && return 0
    for module in klp_cmp_a klp_cmp_b klp_cmp_c second_patch livepatch_sample livepatch_two_objects livepatch_sympos; do
        [ -d "/sys/module/$module" ] && [ ! -d "$LIVEPATCH/$module" ] &&
            ! any 0 "/sys/module/$module/refcnt" && return 0
    done
    return 1
}

# pause SECONDS - sleeps, without starting a program.
pause() {
    read -rt "$1" -u "$SILENCE"
}

# wait_while LIMIT COMMAND
wait_while() {
    local left=$1
    shift
    while [ $left -gt 0 ] && "$@"; do
        pause 0.1
        left=$((left - 1))
    done
}

# Runs a command, and prints its status and output.
run() {
    local said status
    said=$("$@" 2>&1)
    status=$?
    said=${said//$'\n'/ | }
    echo "run: ${*//$MODULES\//} -> $status${said:+: ${said//$MODULES\//}}"
}

# begin NAME - begins a case. Names have to be unique.
begin() {
    echo "@ $1"
    dmesg --clear
}

show() {
    local taint
    words
    tree $LIVEPATCH sysfs
    tree /sys/kernel/debug/livepatch debugfs
    modules
    behaviour
    read -r taint </proc/sys/kernel/tainted
    echo "taint: $taint"
}

# step NAME COMMAND... - a case that ends after the transition.
step() {
    begin "$1"
    shift
    run "$@"
    wait_while $TRANSITION in_transition
    wait_while $END ending
    show
}

# now NAME COMMAND... - a case during a transition.
now() {
    begin "$1"
    shift
    run "$@"
    # Whatever is not blocked has happened after this.
    sleep 0.5
    show
}

load() {
    local module=$1
    shift
    insmod "$MODULES/$module.ko" "$@"
}

# loads NAME MODULE CASE
loads() { step "$1" load "$2" case="$3"; }

disable() { echo 0 >"$LIVEPATCH/$1/enabled"; }
write() { echo "$2" >"$LIVEPATCH/$1"; }

# ends NAME MODULE - disables and unloads a patch.
ends() {
    step "$1: disable" disable "$2"
    step "$1: unload" rmmod "$2"
}

# wrong CASE - an invalid patch. If it leaves something behind, that must not affect later cases.
wrong() {
    loads "wrong$WITH: $1" klp_cmp_a "$1"
    clean_up
}

# right CASE - a valid patch, which is loaded, disabled and unloaded.
right() {
    loads "right$WITH: $1" klp_cmp_a "$1"
    ends "right$WITH: $1" klp_cmp_a
    clean_up
}

# Silently removes all patches, from the top of the stack.
clean_up() {
    local patch module
    for _ in 1 2 3; do
        for patch in klp_cmp_c klp_cmp_b klp_cmp_a; do
            [ -d "$LIVEPATCH/$patch" ] && echo 0 2>/dev/null >"$LIVEPATCH/$patch/enabled"
            wait_while $TRANSITION in_transition
        done
        wait_while $END ending
        for module in klp_cmp_c klp_cmp_b klp_cmp_a klp_cmp_unmarked klp_cmp_holder klp_cmp_shadow; do
            [ -d "/sys/module/$module" ] && rmmod $module 2>/dev/null
        done
        # The module should have been refused.
        [ -z "$WITH" ] && [ -d /sys/module/klp_cmp_target ] && rmmod klp_cmp_target 2>/dev/null
    done
}

# --- Cases -------------------------------------------------------------------------------------

[ -d /sys/kernel/debug/dynamic_debug ] || mount -t debugfs debugfs /sys/kernel/debug
echo 'file kernel/livepatch/* +p; func klp_try_switch_task -p' \
    >/sys/kernel/debug/dynamic_debug/control

begin "what is there"
echo "folder: $(stat -c '%A %n' $LIVEPATCH)"
grep -oE ' . (__ksymtab_klp_.*|klp_(enable_patch|find_section_by_name|get_state|get_prev_state)|klp_shadow_(get|alloc|get_or_alloc|free|free_all))$' \
    /proc/kallsyms | sort | sed 's/^/symbol:/'
echo "own state: $(cat /proc/self/patch_state)"
show

# Invalid patches, whatever is loaded.
step "wrong: no modinfo" load klp_cmp_unmarked case=plain
for name in no-patch no-module null-objs null-funcs null-funcs-second \
    null-new-func null-old-name null-names-sympos empty-old-name \
    long-object long-function function-twice function-twice-sympos \
    object-twice target-twice object-is-attribute \
    unknown-function unknown-second unknown-function-sympos ambiguous sympos-too-large \
    sympos-2-unique not-a-function not-traceable not-code module-function-in-vmlinux \
    pre-patch-fails; do
    wrong $name
done

# Valid patches, without the module.
for name in plain two-functions two-objects empty-table no-objects replace-no-objects callbacks \
    callbacks-only longest-object slash-in-names object-named-vmlinux \
    target-unknown empty-old-name-target longest-function long-sysfs-name; do
    right $name
done

# The module is refused if a loaded patch cannot be applied to it.
for name in target-unknown target-unknown-second target-ambiguous target-sympos-too-large \
    target-untraced target-untraced-callbacks target-not-a-function empty-old-name-target \
    vmlinux-function-in-module pre-patch-fails-second; do
    loads "waiting: $name" klp_cmp_a $name
    step "waiting: $name: the module comes" load klp_cmp_target
    ends "waiting: $name" klp_cmp_a
    clean_up
done
loads "waiting, two patches: the first" klp_cmp_a callbacks
loads "waiting, two patches: the second" klp_cmp_b target-untraced-callbacks
step "waiting, two patches: the module comes" load klp_cmp_target
ends "waiting, two patches: the second" klp_cmp_b
step "waiting, two patches: the module comes again" load klp_cmp_target
step "waiting, two patches: the module goes" rmmod klp_cmp_target
ends "waiting, two patches: the first" klp_cmp_a
clean_up

# The module is loaded and unloaded while patches are enabled.
loads "module: patch" klp_cmp_a callbacks
step "module: comes" load klp_cmp_target
step "module: goes" rmmod klp_cmp_target
step "module: comes again" load klp_cmp_target
loads "module: another patch" klp_cmp_b object-only
step "module: goes under two" rmmod klp_cmp_target
step "module: comes under two" load klp_cmp_target
ends "module: the second patch" klp_cmp_b
ends "module: the first patch" klp_cmp_a
clean_up

# With the module.
WITH=" with the module"
step "with the module: it comes" load klp_cmp_target
for name in target-unknown target-unknown-second target-ambiguous target-sympos-too-large \
    target-untraced target-untraced-callbacks target-not-a-function empty-old-name-target \
    vmlinux-function-in-module pre-patch-fails-second longest-function target-twice; do
    wrong $name
done
for name in two-objects callbacks sympos-0-unique sympos-1-unique sympos-1 sympos-2 sympos-both; do
    right $name
done

# Writes to attributes.
loads "writes: patch" klp_cmp_a plain
step "writes: enable again" write klp_cmp_a/enabled 1
step "writes: rubbish" write klp_cmp_a/enabled rubbish
step "writes: y" write klp_cmp_a/enabled y
step "writes: force without a transition" write klp_cmp_a/force 1
step "writes: no force" write klp_cmp_a/force 0
step "writes: rubbish force" write klp_cmp_a/force rubbish
step "writes: transition" write klp_cmp_a/transition 1
step "writes: the same module twice" load klp_cmp_a case=plain
step "writes: unload in use" rmmod klp_cmp_a
step "writes: disable with a word" write klp_cmp_a/enabled off
step "writes: load again without unloading" load klp_cmp_a case=plain
step "writes: unload" rmmod klp_cmp_a
clean_up

# Stacked patches.
loads "stack: first" klp_cmp_a two-objects
loads "stack: second" klp_cmp_b two-functions
loads "stack: third" klp_cmp_c plain
step "stack: disable the first" disable klp_cmp_a
step "stack: unload the first" rmmod klp_cmp_a
step "stack: first again, on top" load klp_cmp_a case=two-objects
step "stack: disable the middle" disable klp_cmp_c
step "stack: unload the middle" rmmod klp_cmp_c
ends "stack: first" klp_cmp_a
ends "stack: second" klp_cmp_b
clean_up

# Cumulative patches.
loads "replace: first" klp_cmp_a two-objects
loads "replace: second" klp_cmp_b other-function
loads "replace: all" klp_cmp_c replace
step "replace: unload the first" rmmod klp_cmp_a
step "replace: unload the second" rmmod klp_cmp_b
loads "replace: back" klp_cmp_a replace-other
step "replace: unload the replaced" rmmod klp_cmp_c
ends "replace: last" klp_cmp_a
loads "replace, nothing new: first" klp_cmp_a two-objects
loads "replace, nothing new: all" klp_cmp_b replace-no-objects
ends "replace, nothing new: last" klp_cmp_b
clean_up
loads "replace, callbacks: first" klp_cmp_a callbacks
loads "replace, callbacks: all" klp_cmp_b callbacks-replace
ends "replace, callbacks: last" klp_cmp_b
clean_up

# States.
loads "states: first" klp_cmp_a state-1
loads "states: newer" klp_cmp_b state-2
loads "states: too old" klp_cmp_c state-1
clean_up
loads "states: newest first" klp_cmp_a state-2
loads "states: older is refused" klp_cmp_b state-1
loads "states: replacing without" klp_cmp_b replace
loads "states: another" klp_cmp_b state-other
loads "states: none" klp_cmp_c no-states
ends "states: none" klp_cmp_c
loads "states: replacing without one of them" klp_cmp_c state-2-replace
ends "states: another" klp_cmp_b
loads "states: replacing with" klp_cmp_c state-2-replace
step "states: unload the replaced" rmmod klp_cmp_a
ends "states: last" klp_cmp_c
clean_up

# Functions with another ftrace user.
step "held by ftrace: hold" load klp_cmp_holder func=version_proc_show
loads "held by ftrace: patch" klp_cmp_a two-functions
loads "held by ftrace: patch with callbacks" klp_cmp_b callbacks
step "held by ftrace: let go" rmmod klp_cmp_holder
clean_up
step "held by a kprobe: hold" load klp_cmp_holder func=version_proc_show kprobe=1
loads "held by a kprobe: patch" klp_cmp_a two-functions
step "held by a kprobe: let go" rmmod klp_cmp_holder
clean_up
step "a kprobe that does not mind: probe" load klp_cmp_holder func=version_proc_show kprobe=1 post=0
loads "a kprobe that does not mind: patch" klp_cmp_a two-functions
ends "a kprobe that does not mind" klp_cmp_a
step "a kprobe that does not mind: let go" rmmod klp_cmp_holder
clean_up
loads "held by a patch: patch" klp_cmp_a two-functions
step "held by a patch: ftrace" load klp_cmp_holder func=version_proc_show
step "held by a patch: kprobe" load klp_cmp_holder func=version_proc_show kprobe=1
step "held by a patch: the kprobe goes" rmmod klp_cmp_holder
step "held by a patch: other function" load klp_cmp_holder func=meminfo_proc_show
step "held by a patch: ftrace off" sysctl -q kernel.ftrace_enabled=0
ends "held by a patch" klp_cmp_a
clean_up
step "held in the module: hold" load klp_cmp_holder func=klp_cmp_value
loads "held in the module: patch" klp_cmp_a two-objects
step "held in the module: let go" rmmod klp_cmp_holder
clean_up
step "no ftrace: off" sysctl -q kernel.ftrace_enabled=0
loads "no ftrace: patch" klp_cmp_a plain
step "no ftrace: on" sysctl -q kernel.ftrace_enabled=1
clean_up

# During a transition, which a sleeping task blocks.
# Starts a task that sleeps in the module. disown: the shell must not report its end.
start_sleeper() {
    cat /proc/klp_cmp_sleep >/dev/null 2>&1 &
    sleeper=$!
    disown
    sleep 0.5
}
start_sleeper
sleeper_state() { cat "/proc/$sleeper/patch_state"; }
awaken() {
    kill -KILL $sleeper
    wait_while 50 test -d /proc/$sleeper
}
now "transition: begins" load klp_cmp_a case=sleep
now "transition: another patch" load klp_cmp_b case=plain
now "transition: a patch that replaces" load klp_cmp_b case=replace
now "transition: unload" rmmod klp_cmp_a
now "transition: the module goes" rmmod klp_cmp_target
now "transition: enable again" write klp_cmp_a/enabled 1
now "transition: the sleeper's state" sleeper_state
step "transition: reverse" disable klp_cmp_a
step "transition: unload after reversing" rmmod klp_cmp_a
now "transition: begins again" load klp_cmp_a case=callbacks-sleep
step "transition: reverse with callbacks" disable klp_cmp_a
step "transition: unload with callbacks" rmmod klp_cmp_a
now "transition: begins once more" load klp_cmp_a case=sleep
step "transition: ends with the sleeper" awaken
cat /proc/klp_cmp_sleep >/dev/null 2>&1
step "transition: patched while nobody sleeps" true
ends "transition: last" klp_cmp_a
clean_up
start_sleeper
loads "transition of several: first" klp_cmp_a plain
now "transition of several: replace begins" load klp_cmp_b case=sleep-replace
now "transition of several: disable the lower" disable klp_cmp_a
step "transition of several: reverse" disable klp_cmp_b
step "transition of several: unload" rmmod klp_cmp_b
ends "transition of several: first" klp_cmp_a
clean_up
now "force: begins" load klp_cmp_a case=sleep
step "force: no" write klp_cmp_a/force 0
step "force: yes" write klp_cmp_a/force 1
step "force: the sleeper goes" awaken
step "force: disable" disable klp_cmp_a
step "force: unload is refused" rmmod klp_cmp_a
step "force: another patch" load klp_cmp_b case=plain
ends "force: another patch" klp_cmp_b
clean_up

step "the module goes" rmmod klp_cmp_target

# Patches in Rust.
step "rust: sample" load livepatch-sample
step "rust: sample: disable" disable livepatch_sample
step "rust: sample: unload" rmmod livepatch_sample
step "rust: two objects" load livepatch-two-objects
step "rust: two objects: the module comes" load klp_greeter
step "rust: two objects: disable" disable livepatch_two_objects
step "rust: two objects: unload" rmmod livepatch_two_objects
step "rust: two objects: the module goes" rmmod klp_greeter
step "rust: sympos: the module" load klp_twins
step "rust: sympos" load livepatch-sympos
step "rust: sympos: disable" disable livepatch_sympos
step "rust: sympos: unload" rmmod livepatch_sympos
step "rust: sympos: the module goes" rmmod klp_twins
step "rust: unknown function" load unknown-function
step "two patches of a module, the second is refused" load second-patch
step "two patches of a module: disable" disable second_patch
step "two patches of a module: unload" rmmod second_patch
step "rust: not traceable" load not-traceable

# Shadow variables. The last case allocates one twice, which warns.
step "shadow variables" load klp_cmp_shadow
step "shadow variables: unload" rmmod klp_cmp_shadow
step "shadow variables: twice" load klp_cmp_shadow duplicate=1
step "shadow variables: twice: unload" rmmod klp_cmp_shadow
echo "@end"
