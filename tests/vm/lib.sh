# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Library of the scenarios: checks that report their results, and bounded waits for live patches.
#
# A scenario is a bash script in tests/vm/scenarios/ that runs as root in a virtual machine
# and begins with
#
#     . /klp/vm/lib.sh
#
# It checks conditions with `check`, `expect_eq`, `expect_match` and `must`. It has to remove whatever it
# loads: leftovers fail the scenario.
#
# Patches and modules are named as in /sys/module, with dashes or underscores.
# Functions that can fail print the reason to standard output, which `check` and `must` report.

set -u
export LC_ALL=C

# The folder of the modules for this kernel.
MODULES=${MODULES:-/klp/vm/modules}
# The folder of the programs in tests/vm/programs/.
PROGRAMS=${PROGRAMS:-/klp/vm/programs}
# The time limit of waits, in seconds. Transitions take a second or two.
WAIT=${WAIT:-60}

LIVEPATCH=/sys/kernel/livepatch
# A pipe that nothing is written to, for `pause`.
exec {SILENCE}<> <(:)
# The file of klp-core as a module, on kernels that load it.
CORE_MODULE=/klp/klp-core.ko

# check NAME COMMAND [ARG...] - the command has to succeed. It runs in a subshell.
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
    echo "not ok - $name: ${why:-\`$*\` ended with status $status}"
    return 1
}

# must NAME COMMAND [ARG...] - like check, but a failure ends the scenario.
must() {
    check "$@" || exit 1
}

# expect_eq NAME EXPECTED FOUND - both texts have to be equal.
expect_eq() {
    check "$1" _same "$2" "$3"
}

_same() {
    [ "$1" = "$2" ] || {
        echo "expected \`$1\`, found \`$2\`"
        return 1
    }
}

# expect_match NAME PATTERN TEXT - a line of the text has to match the extended regular expression.
expect_match() {
    check "$1" _matches "$2" "$3"
}

_matches() {
    grep -Eq -- "$1" <<<"$2" || {
        echo "nothing matches \`$1\` in \`$2\`"
        return 1
    }
}

# expect_no_match NAME PATTERN TEXT - no line of the text may match.
expect_no_match() {
    check "$1" _matches_not "$2" "$3"
}

_matches_not() {
    local found
    found=$(grep -Em1 -- "$1" <<<"$2") || return 0
    echo "\`$found\` should not be there"
    return 1
}

# pause SECONDS - sleeps. Starting a program takes about 10 ms of an emulated CPU, and waits would take them from the
# other machines of the tests, so waits use builtins of the shell only.
pause() {
    read -rt "$1" -u "$SILENCE"
    # It ends with the status of a timeout.
    true
}

# wait_until COMMAND [ARG...] - repeats a command until it succeeds, for at most $WAIT seconds.
wait_until() {
    local end=$((SECONDS + WAIT))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || {
            echo "\`$*\` did not succeed within $WAIT s"
            return 1
        }
        pause 0.05
    done
}

# before_series SERIES - whether the kernel is of an older series than this (`6.3`).
before_series() {
    local now
    now=$(uname -r | grep -Eo '^[0-9]+\.[0-9]+')
    [ "$now" != "$1" ] && [ "$(printf '%s\n' "$now" "$1" | sort -V | head -n 1)" = "$now" ]
}

# patches - the loaded patches, without klp-core, which may be a module.
patches() {
    ls "$LIVEPATCH" | grep -vx klp_core | xargs
}

# renew_before_6_3 PATCH... - reloads the patches on kernels before 6.3, after a module that they patch was unloaded:
# there, relocations to the module stay in the patch, and the module would be refused next time.
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

# module_name NAME - the name as the kernel spells it.
module_name() {
    echo "${1//-/_}"
}

# module_file NAME - the file of the module.
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

# is_loaded NAME - whether the module is loaded.
is_loaded() {
    [ -d "/sys/module/${1//-/_}" ]
}

# load NAME [PARAM=VALUE...] - loads a module. For a live patch, waits for the end of the transition.
load() {
    local name=${1//-/_} file taint=
    file=$(module_file "$1") || return
    shift
    insmod "$file" "$@" || return
    read -r taint <"/sys/module/$name/taint"
    # The kernel's mark of a live patch.
    if [[ $taint = *K* ]]; then
        wait_until settled "$name" || {
            echo "the transition of $name did not end"
            return 1
        }
    fi
}

# only_with_core_module - ends the scenario where klp-core is not a module, $CORE_MODULE.
only_with_core_module() {
    [ -e "$CORE_MODULE" ] && return
    check "klp-core is not a module here" test ! -e "$LIVEPATCH/klp_core"
    exit
}

# load_fails NAME [PARAM=VALUE...] - checks that loading is refused, and prints insmod's output.
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

# clears_relocations - whether relocations to a module are cleared when it is unloaded: on architectures with a
# function for it, or with klp-core.
clears_relocations() {
    [ "$(uname -m)" = x86_64 ] || grep -qw klp_register_patch /proc/kallsyms
}

# core_parameter NAME - the file of a parameter of klp-core, built in or a module. It exists with klp-core only.
core_parameter() {
    local file
    for file in /sys/module/{klp_core,livepatch}/parameters/"$1"; do
        [ ! -e "$file" ] || break
    done
    echo "$file"
}

# settled PATCH - whether the patch is enabled and not in transition.
settled() {
    local dir=$LIVEPATCH/${1//-/_} enabled transition
    read -r enabled <"$dir/enabled" && read -r transition <"$dir/transition" &&
        [ "$enabled $transition" = "1 0" ]
}

# patch_gone PATCH - whether the patch is not among the live patches.
patch_gone() {
    [ ! -e "$LIVEPATCH/${1//-/_}" ]
}

# disable PATCH - disables a patch, and waits until all tasks run the old code.
disable() {
    local dir=$LIVEPATCH/${1//-/_}
    [ -d "$dir" ] || {
        echo "there is no live patch $1"
        return 1
    }
    echo 0 >"$dir/enabled" || return
    wait_until patch_gone "$1"
}

# unload MODULE - waits until a module is unused, and unloads it.
unload() {
    local name=${1//-/_}
    wait_until _unused "$name" || return
    rmmod "$name" || return
    wait_until _not_loaded "$name"
}

_unused() {
    local users
    read -r users <"/sys/module/$1/refcnt" && [ "$users" = 0 ]
}

_not_loaded() {
    ! is_loaded "$1"
}

# remove_patch PATCH - disables and unloads a patch.
remove_patch() {
    disable "$1" && unload "$1"
}

# sleepers_sleep - from now on, tasks sleep in functions of test patches that are made for it, until wake_sleepers.
# These functions read a setting that nothing else in these machines uses.
sleepers_sleep() {
    USUAL_UID=$(cat /proc/sys/kernel/overflowuid)
    trap wake_sleepers EXIT
    echo 1 >/proc/sys/kernel/overflowuid
}

# wake_sleepers - wakes the sleeping tasks, and lets no more tasks sleep.
wake_sleepers() {
    echo "$USUAL_UID" >/proc/sys/kernel/overflowuid
}

# mark_log - marks the kernel's log for `log_since`.
mark_log() {
    LOG_MARK="klp scenario mark $$ $RANDOM$RANDOM"
    echo "$LOG_MARK" >/dev/kmsg
}

# log_since - the kernel's messages since mark_log, without time stamps.
log_since() {
    local log
    # From the end, so that only these messages are matched. With syslog(2) the log is read at once.
    log=$(dmesg --syslog | tac | sed -E "s/^(\[[ TC0-9.]*\] ?)+//; /^${LOG_MARK:?call mark_log first}\$/q" | tac)
    if [ "${log%%$'\n'*}" != "$LOG_MARK" ]; then
        echo "the log does not reach back to the mark"
        return 1
    fi
    log=${log#"$LOG_MARK"}
    [ -z "$log" ] || echo "${log#$'\n'}"
}
