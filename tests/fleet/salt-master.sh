#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Applies the states of fleet/salt from a real master to two real minions of this machine, which are folders with a
# stand-in for klpctl: targets, batches, and how they end. Salt's programs are in $PATH. Prints a line for each case.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=$top/tests/fleet
# Sockets are in it, and their paths may not be long.
work=$(mktemp -d /tmp/klp-salt.XXXXXX)
daemons=()
trap 'kill "${daemons[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
. "$tests/lib.sh"
mkdir "$work/files"

# Two ports of this machine that nobody listens to.
read -r publish answers < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for it in sockets:
    it.bind(("127.0.0.1", 0))
print(*[it.getsockname()[1] for it in sockets])')

mkdir "$work/master"
cat >"$work/master/master" <<END
interface: 127.0.0.1
publish_port: $publish
ret_port: $answers
user: $(id -un)
root_dir: $work/master
auto_accept: true
worker_threads: 2
file_roots: {base: ["$top/fleet/salt", "$work/files"]}
timeout: 60
END
for host in web1 web2; do
    mkdir "$work/$host"
    cat >"$work/$host/minion" <<END
id: $host
master: 127.0.0.1
publish_port: $publish
master_port: $answers
user: $(id -un)
root_dir: $work/$host
acceptance_wait_time: 1
klp.klpctl: $work/$host/klpctl
END
    cp "$tests/klpctl" "$work/$host/klpctl"
    echo 6.12.1 >"$work/$host/release"
done

# patch NAME VERSION: the file of a patch.
patch() {
    printf '{"name": "%s", "kernel": "6.12.1", "version": "%s", "replace": false}\n' "${1//-/_}" "$2" >"$work/files/$1.ko"
}
# of_minions ARGUMENT..: a command of the master's.
of_minions() {
    salt --config-dir "$work/master" --no-color --timeout 60 "$@" >"$work/out" 2>&1
}
# apply PILLAR ARGUMENT..
apply() {
    local pillar=$1
    shift
    of_minions "$@" '*' state.apply klp pillar="{\"klp\": {\"work_dir\": \"$work/rollout\", $pillar}}"
}
says() {
    grep -qE -- "$1" "$work/out"
}
# has NAME HOST..: the patch is loaded and installed there, and nowhere else.
has() {
    local host wanted=" ${*:2} "
    for host in web1 web2; do
        case $wanted in
            *" $host "*)
                grep -qs "\"$1\"" "$work/$host/loaded.json" && ls "$work/$host/store/"*/*-"$1".ko >/dev/null || return
                ;;
            *) ! grep -qs "\"$1\"" "$work/$host/loaded.json" || return ;;
        esac
    done
}
all_answer() {
    local tries
    for tries in $(seq 30); do
        of_minions '*' test.ping && says 'web1:' && says 'web2:' && ! says 'did not return|No response' && return
        sleep 1
    done
    return 1
}

salt-master --config-dir "$work/master" >"$work/master.log" 2>&1 &
daemons+=($!)
for host in web1 web2; do
    salt-minion --config-dir "$work/$host" >"$work/$host.log" 2>&1 &
    daemons+=($!)
done

if ! all_answer; then
    echo "not ok - the minions answer: $(tail -n 5 "$work"/*.log | tr '\n' ' ')"
    exit
fi
echo "ok - the minions answer"
patch fix-foo 1
check "the modules are sent" of_minions '*' saltutil.sync_all
check "a patch is rolled out" apply '"patches": ["salt://fix-foo.ko"]'
check "to both" has fix_foo web1 web2
check "their grains" of_minions '*' saltutil.refresh_grains
check "know it" of_minions -G 'klp:patches:name:fix_foo' test.ping
check "on both" says 'web2:'
check "a patch is taken out of one" of_minions web2 state.apply klp pillar='{"klp": {"work_dir": "/nowhere", "absent": ["fix_foo"]}}'
check "and stays on the other" has fix_foo web1
check "both in waves of one" apply '"patches": ["salt://fix-foo.ko"]' -b 1
check "have it again" has fix_foo web1 web2
patch other 1
touch "$work/web1/stall-other" "$work/web2/stall-other"
check_fails "a patch that stalls fails the roll-out" apply '"patches": ["salt://other.ko"]' -b 1 --failhard
check "which says who held it up" says "task 812"
check "and is on no machine" has other
check "after the first failure no other machine tried" test "$(cat "$work"/web?/calls | grep -c "^install.*other")" = 1
