#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Applies the states of fleet/salt from a real master to two real minions on this machine, which are folders with a
# fake klpctl: targets, batches and failures. Salt's programs are in $PATH. Prints a line for each case.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=$top/tests/fleet
# Contains sockets, whose paths must be short.
work=$(mktemp -d /tmp/klp-salt.XXXXXX)
daemons=()
trap 'kill "${daemons[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
. "$tests/lib.sh"
mkdir "$work/files"

# Two unused ports of this machine.
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

# patch NAME VERSION - writes the file of a patch.
patch() {
    printf '{"name": "%s", "kernel": "6.12.1", "version": "%s", "replace": false}\n' "${1//-/_}" "$2" >"$work/files/$1.ko"
}
# master ARGUMENT.. - runs a command of the master.
master() {
    salt --config-dir "$work/master" --no-color --timeout 60 "$@" >"$work/out" 2>&1
}
# apply PILLAR ARGUMENT.. - applies the state with this pillar.
apply() {
    local pillar=$1
    shift
    master "$@" '*' state.apply klp pillar="{\"klp\": {\"work_dir\": \"$work/rollout\", $pillar}}"
}
says() {
    grep -qE -- "$1" "$work/out"
}
# has NAME HOST.. - whether the patch is loaded and installed on these hosts alone.
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
        master '*' test.ping && says 'web1:' && says 'web2:' && ! says 'did not return|No response' && return
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
check "the Salt modules are sent" master '*' saltutil.sync_all
check "a patch is rolled out" apply '"patches": ["salt://fix-foo.ko"]'
check "both minions have the patch" has fix_foo web1 web2
check "grains are refreshed" master '*' saltutil.refresh_grains
check "the grains have the patch" master -G 'klp:patches:name:fix_foo' test.ping
check "the grains of both minions have the patch" says 'web2:'
check "a patch is removed from one minion" master web2 state.apply klp pillar='{"klp": {"work_dir": "/nowhere", "absent": ["fix_foo"]}}'
check "the patch stays on the other minion" has fix_foo web1
check "a patch is rolled out in batches of one" apply '"patches": ["salt://fix-foo.ko"]' -b 1
check "both minions have the patch again" has fix_foo web1 web2
patch other 1
touch "$work/web1/stall-other" "$work/web2/stall-other"
check_fails "a patch that stalls fails the roll-out" apply '"patches": ["salt://other.ko"]' -b 1 --failhard
check "the blocking task is reported" says "task 812"
check "the stalled patch is on no minion" has other
check "after the first failure, no other minion tries" test "$(cat "$work"/web?/calls | grep -c "^install.*other")" = 1
