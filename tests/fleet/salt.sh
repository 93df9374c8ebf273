#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Applies the states of fleet/salt with the real Salt, on a host that is a folder with a fake klpctl. Salt's programs
# are in $PATH, and $KLPCTL is the real klpctl. Prints a line for each case.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=$top/tests/fleet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$tests/lib.sh"
host=$work/host
mkdir "$host" "$work/files" "$work/etc"

# A minion whose files are all in $work.
cat >"$work/etc/minion" <<END
file_client: local
id: host
root_dir: $work/root
cachedir: $work/cache
pki_dir: $work/pki
log_file: $work/log
file_roots: {base: ["$top/fleet/salt", "$work/files"]}
klp.klpctl: $host/klpctl
END
cp "$tests/klpctl" "$host/klpctl"
echo 6.12.1 >"$host/release"

# patch NAME KERNEL VERSION [SERIES] - writes the file of a patch. One with a series is cumulative.
patch() {
    local more='"replace": false'
    [ $# -lt 4 ] || more="\"replace\": true, \"series\": \"$4\""
    printf '{"name": "%s", "kernel": "%s", "version": "%s", %s}\n' "${1//-/_}" "$2" "$3" "$more" >"$work/files/$1.ko"
}
call() {
    salt-call --local --config-dir "$work/etc" --retcode-passthrough --no-color "$@" >"$work/out" 2>&1
}
# apply PILLAR ARGUMENT.. - applies the state with this pillar.
apply() {
    local pillar=$1
    shift
    call state.apply klp "$@" pillar="{\"klp\": {\"work_dir\": \"$work/rollout\", $pillar}}"
}
says() {
    grep -qF -- "$1" "$work/out"
}
has() {
    grep -qs "\"$1\"" "$host/loaded.json" && ls "$host/store/"*/*-"$1".ko >/dev/null 2>&1
}
has_not() {
    ! grep -qs "\"$1\"" "$host/loaded.json" && ! ls "$host/store/"*/*-"$1".ko >/dev/null 2>&1
}

patch fix-foo 6.12.1 1
patch other 6.12.2 1
check "the Salt modules are found" call saltutil.sync_all
check "a dry run succeeds" apply '"patches": ["salt://fix-foo.ko"]' test=True
check "a dry run changes nothing" has_not fix_foo
check "a patch, and one for another kernel, are applied" apply '"patches": ["salt://fix-foo.ko", "salt://other.ko"]'
check "the patch is loaded" has fix_foo
check "the patch for another kernel is installed" test -e "$host/store/6.12.2/0001-other.ko"
check "the state is applied a second time" apply '"patches": ["salt://fix-foo.ko", "salt://other.ko"]'
check "nothing is installed again" test "$(grep -c ^install "$host/calls")" = 2
check "the grain lists a patch" call grains.get klp:patches:0:name
check "the grain has the patch's name" says fix_foo
check "a patch is removed" apply '"absent": ["fix_foo", "other"]'
check "the removed patch is gone" has_not fix_foo
for version in 1 2; do
    patch "fix_foo_$version" 6.12.1 "$version" fix_foo
    check "version $version is applied" apply "\"patches\": [\"salt://fix_foo_$version.ko\"]"
done
check "version 2 is loaded and installed" has fix_foo_2
check "the previous version, which is still installed, is applied" apply '"patches": ["salt://fix_foo_1.ko"]'
check "the previous version is loaded again" has fix_foo_1
check "a series is removed by the name without a version" apply '"absent": ["fix_foo"]'
check "version 1 of the series is gone" has_not fix_foo_1
check "version 2 of the series is gone" has_not fix_foo_2
check "removing an absent series succeeds" apply '"absent": ["fix_foo"]'
touch "$host/stall-fix_foo"
check_fails "a transition that stalls fails the state" apply '"patches": ["salt://fix-foo.ko"]'
check "the blocking task is reported" says "task 812"
check "the patch is not left for the next boot" has_not fix_foo
rm "$host/stall-fix_foo"
touch "$host/slow-fix_foo"
check_fails "an unfinished transition fails the state" apply '"patches": ["salt://fix-foo.ko"]'
check "the unfinished transition is reported" says "fix_foo is applying"
rm "$host/slow-fix_foo"
echo fix_foo >"$host/held"
: >"$host/calls"
patch fix-foo 6.12.1 2
check_fails "a held patch fails the state" apply '"patches": ["salt://fix-foo.ko"]'
check "the held patch is not installed again" test "$(grep -c ^install "$host/calls")" = 0

sed -i "s|^klp.klpctl: .*|klp.klpctl: $KLPCTL|" "$work/etc/minion"
check "the state is applied with the real klpctl" apply '"patches": []'
check "the real klpctl gives a grain" call grains.get klp:kernel
check "the grain has this machine's kernel" says "$(uname -r)"
