# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# For the scenarios: checks that say how they went, and bounded waits around live patches.
#
# A scenario is a bash script in tests/vm/scenarios/ that runs as root in a virtual machine
# and begins with
#
#     . /klp/vm/lib.sh
#
# It says what holds with `check`, `expect_eq`, `expect_match` and `must`. It takes out again
# whatever it loads: what stays behind fails the scenario.
#
# Patches and modules are named as in /sys/module (dashes or underscores, either will do).
# Functions that can fail say why on standard output, which `check` and `must` pick up.

set -u
export LC_ALL=C

# Where the modules are that were built for this kernel.
MODULES=${MODULES:-/klp/vm/modules}
# Where the programs of tests/vm/programs/ are.
PROGRAMS=${PROGRAMS:-/klp/vm/programs}
# How long to wait for anything, in seconds. Transitions take a second or two.
WAIT=${WAIT:-60}

LIVEPATCH=/sys/kernel/livepatch

# check NAME COMMAND [ARG...] - the command must succeed. It runs in a subshell.
check() {
    local name=$1 why status
    shift
    why=$("$@" 2>&1)
    status=$?
    if [ $status -eq 0 ]; then
        echo "ok - $name"
        return 0
    fi
    # One line for one check.
    why=${why//$'\n'/ | }
    echo "not ok - $name: ${why:-\`$*\` gave status $status}"
    return 1
}

# must NAME COMMAND [ARG...] - like check; without it, going on makes no sense.
must() {
    check "$@" || exit 1
}

# expect_eq NAME WANTED FOUND - both texts are the same.
expect_eq() {
    check "$1" _same "$2" "$3"
}

_same() {
    [ "$1" = "$2" ] || {
        echo "expected \`$1\`, found \`$2\`"
        return 1
    }
}

# expect_match NAME PATTERN TEXT - a line of the text matches the extended regular expression.
expect_match() {
    check "$1" _matches "$2" "$3"
}

_matches() {
    grep -Eq -- "$1" <<<"$2" || {
        echo "nothing matches \`$1\` in \`$2\`"
        return 1
    }
}

# expect_no_match NAME PATTERN TEXT - no line of the text matches.
expect_no_match() {
    check "$1" _matches_not "$2" "$3"
}

_matches_not() {
    local found
    found=$(grep -Em1 -- "$1" <<<"$2") || return 0
    echo "\`$found\` should not be there"
    return 1
}

# wait_until COMMAND [ARG...] - repeats it until it succeeds, for at most $WAIT seconds.
wait_until() {
    local end=$((SECONDS + WAIT))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || {
            echo "\`$*\` did not come true within $WAIT s"
            return 1
        }
        sleep 0.05
    done
}

# before_series SERIES - the kernel is of an older series than this (`6.3`).
before_series() {
    local now
    now=$(uname -r | grep -Eo '^[0-9]+\.[0-9]+')
    [ "$now" != "$1" ] && [ "$(printf '%s\n' "$now" "$1" | sort -V | head -n 1)" = "$now" ]
}

# patches - those in the kernel, without klp-core where it is a module.
patches() {
    ls "$LIVEPATCH" | grep -vx klp_core | xargs
}

# renew_before_6_3 PATCH... - removes and loads the patches again, in a kernel that needs it after a module of
# theirs has gone: before 6.3, relocations to the module stay in the patch, and the module's next load is refused.
renew_before_6_3() {
    local patch
    before_series 6.3 || return 0
    for patch in $(printf '%s\n' "$@" | tac); do
        remove_patch "$patch" || return
    done
    for patch in "$@"; do
        load "$patch" || return
    done
}

# module_name NAME - the name as the kernel writes it.
module_name() {
    echo "${1//-/_}"
}

# module_file NAME - the file that was built for it.
module_file() {
    local spelling
    for spelling in "$1" "${1//_/-}" "${1//-/_}"; do
        if [ -f "$MODULES/$spelling.ko" ]; then
            echo "$MODULES/$spelling.ko"
            return 0
        fi
    done
    echo "no module $1 in $MODULES" >&2
    return 1
}

# is_loaded NAME - the module is there.
is_loaded() {
    [ -d "/sys/module/$(module_name "$1")" ]
}

# load NAME [PARAM=VALUE...] - loads a module; of a live patch, waits until it applies.
load() {
    local name file
    name=$(module_name "$1")
    file=$(module_file "$1") || return
    shift
    insmod "$file" "$@" || return
    if modinfo -F livepatch "$file" | grep -q Y; then
        wait_until settled "$name" || {
            echo "the transition of $name did not end"
            return 1
        }
    fi
}

# load_fails NAME [PARAM=VALUE...] - loading is refused; prints insmod's words.
load_fails() {
    local file words
    file=$(module_file "$1") || return
    shift
    if words=$(insmod "$file" "$@" 2>&1); then
        echo "$file was loaded, which should have failed"
        return 1
    fi
    echo "$words"
}

# clears_relocations - whether relocations to a module are cleared when it goes: where the architecture has a
# function for it, or with klp-core.
clears_relocations() {
    [ "$(uname -m)" = x86_64 ] || grep -qw klp_register_patch /proc/kallsyms
}

# core_parameter NAME - the file of a parameter of klp-core, built in or a module; it is there with klp-core only.
core_parameter() {
    local file
    for file in /sys/module/{klp_core,livepatch}/parameters/"$1"; do
        [ ! -e "$file" ] || break
    done
    echo "$file"
}

# settled PATCH - it applies, and no transition runs.
settled() {
    local dir
    dir=$LIVEPATCH/$(module_name "$1")
    [ "$(cat "$dir/enabled")" = 1 ] && [ "$(cat "$dir/transition")" = 0 ]
}

# patch_gone PATCH - it is not among the live patches.
patch_gone() {
    [ ! -e "$LIVEPATCH/$(module_name "$1")" ]
}

# disable PATCH - reverts it, and waits until all tasks run the old code.
disable() {
    local dir
    dir=$LIVEPATCH/$(module_name "$1")
    [ -d "$dir" ] || {
        echo "there is no live patch $1"
        return 1
    }
    echo 0 >"$dir/enabled" || return
    wait_until patch_gone "$1"
}

# unload MODULE - waits until nobody uses it, and removes it.
unload() {
    local name
    name=$(module_name "$1")
    wait_until _unused "$name" || return
    rmmod "$name" || return
    wait_until _not_loaded "$name"
}

_unused() {
    [ "$(cat "/sys/module/$1/refcnt")" = 0 ]
}

_not_loaded() {
    ! is_loaded "$1"
}

# remove_patch PATCH - disable and unload.
remove_patch() {
    disable "$1" && unload "$1"
}

# sleepers_sleep - from now on, whoever gets into a function of a test's patch that is made for it sleeps there, until
# wake_sleepers. These functions look at a setting that nothing else in these machines uses.
sleepers_sleep() {
    USUAL_UID=$(cat /proc/sys/kernel/overflowuid)
    trap wake_sleepers EXIT
    echo 1 >/proc/sys/kernel/overflowuid
}

# wake_sleepers - they return, and nobody sleeps there any more.
wake_sleepers() {
    echo "$USUAL_UID" >/proc/sys/kernel/overflowuid
}

# mark_log - `log_since` prints what the kernel logs from here on.
mark_log() {
    LOG_MARK="klp scenario mark $$ $RANDOM$RANDOM"
    echo "$LOG_MARK" >/dev/kmsg
}

# log_since - the kernel's messages since mark_log, without time stamps.
log_since() {
    dmesg | sed -n "/${LOG_MARK:?call mark_log first}\$/,\$p" | sed 1d |
        sed -E 's/^(\[[ TC0-9.]*\] ?)+//'
}
