#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the front ends of fleet/compat with a fake klpctl, and parses their output as the tools that call them do.
# $KLPCTL is the real klpctl. Prints a line for each case.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=$top/tests/fleet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$tests/lib.sh"
kpatch=$top/fleet/compat/kpatch
klp=$top/fleet/compat/klp
real=$KLPCTL
host=$work/host
mkdir "$host"
cp "$tests/klpctl" "$host/klpctl"
uname -r >"$host/release"
export KLPCTL=$host/klpctl KLPCTL_STORE=$host/store
patch() {
    printf '{"name": "%s", "kernel": "%s", "version": "1", "replace": false}\n' "${1//-/_}" "$2" >"$work/$1.ko"
}
patch livepatch-foo "$(uname -r)"
patch fix-bar "$(uname -r)"
patch other 0.0.1

# As RHSM's facts and XAPI parse the output.
loaded() {
    "$kpatch" list | sed -n '/^Loaded patch modules:$/,/^Installed patch modules:$/p' | sed -n 's/ \[enabled\]$//p' | xargs
}
installed() {
    "$kpatch" list | sed -n '/^Installed patch modules:$/,$p' | sed 1d | xargs
}
# As Uyuni parses the output.
live_version() {
    [ "$("$klp" status | head -n 1)" = ready ] || return 1
    "$klp" -v patches | awk '/^livepatch/ { name = $0 } /^[[:space:]]+active:[[:space:]]*[0-9]+$/ && $2 > 0 { print name; exit }'
}
is() {
    echo "found: $2"
    [ "$2" = "$1" ]
}

for shell in dash "bash --posix"; do
    # shellcheck disable=SC2086
    check "$shell finds no syntax errors" eval "$shell -n $kpatch && $shell -n $klp"
done
check "nothing is loaded" is "" "$(loaded)"
check "nothing is installed" is "" "$(installed)"
check "there is no live version" is "" "$(live_version)"
check "kpatch load" "$kpatch" load "$work/livepatch-foo.ko"
check "kpatch list has the loaded patch" is livepatch_foo "$(loaded)"
check "klp has the live version" is livepatch_foo "$(live_version)"
check "kpatch install" "$kpatch" install "$work/fix-bar.ko"
check "kpatch install of a patch for another kernel" "$kpatch" install "$work/other.ko"
check "kpatch list has both" is "other (0.0.1) fix_bar ($(uname -r))" "$(installed | tr -s ' ')"
check "kpatch load of an installed patch by its name" "$kpatch" load fix-bar
check "the installed patch is loaded" is "livepatch_foo fix_bar" "$(loaded)"
check_fails "kpatch load of an unknown name" "$kpatch" load nothing
check "the unknown name is reported" grep -q "no file nothing" "$work/refused"
check "kpatch info" "$kpatch" info fix-bar
check "kpatch unload of a file" "$kpatch" unload "$work/livepatch-foo.ko"
check "the patch of the file is unloaded" is fix_bar "$(loaded)"
check "klp prefixes the name, as Uyuni expects" is livepatch_fix_bar "$(live_version)"
touch "$host/slow-fix_bar"
check "klp status in a transition" is in_progress "$("$klp" status)"
check_fails "klp check in a transition" "$klp" check
check "no patch is active in a transition" is 0 "$("$klp" -v patches | grep -c 'active: 1')"
rm "$host/slow-fix_bar"
check "klp check" "$klp" check
check "kpatch unload --all" "$kpatch" unload --all
check "all patches are unloaded" is "" "$(loaded)"
check "kpatch uninstall" "$kpatch" uninstall fix-bar
check "kpatch uninstall for another kernel" "$kpatch" uninstall --kernel-version 0.0.1 other
check "both patches are uninstalled" is "" "$(installed)"
check_fails "an unknown command is refused" "$kpatch" frobnicate
check_fails "a missing command is refused" "$klp"

KLPCTL=$real KLPCTL_STORE=$work/empty
check "kpatch list with the real klpctl" is "" "$(loaded)"
check "klp status with the real klpctl" is ready "$("$klp" status)"
check "kpatch version with the real klpctl" "$kpatch" version
