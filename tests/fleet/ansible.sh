#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the playbooks of fleet/ansible with the real Ansible, on hosts that are folders of this machine with a fake
# klpctl. Ansible's programs are in $PATH, and $KLPCTL is the real klpctl. Prints a line for each case.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=$top/tests/fleet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$tests/lib.sh"

export ANSIBLE_HOME=$work/home ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_RETRY_FILES_ENABLED=0
export ANSIBLE_LIBRARY=$tests/library ANSIBLE_DEPRECATION_WARNINGS=0 ANSIBLE_CONFIG=$work/ansible.cfg
# Gathering facts takes seconds, and no test needs them.
export ANSIBLE_GATHERING=explicit ANSIBLE_PIPELINING=1
: >"$ANSIBLE_CONFIG"

# inventory HOST.. - creates these hosts anew.
inventory() {
    rm -rf "$work/fleet"
    mkdir "$work/fleet"
    : >"$work/fleet/log"
    for host in "$@"; do
        mkdir "$work/fleet/$host"
        cp "$tests/klpctl" "$work/fleet/$host/klpctl"
        echo 6.12.1 >"$work/fleet/$host/release"
    done
    {
        printf '%s\n' "$@"
        cat <<END
[all:vars]
host={{ '$work/fleet/' ~ inventory_hostname }}
ansible_connection={{ 'ssh' if (host ~ '/dead') is exists else 'local' }}
ansible_ssh_executable=$tests/dead-ssh
ansible_become=false
ansible_python_interpreter={{ ansible_playbook_python }}
ansible_package_use=stand_in_package
ansible_remote_tmp={{ host ~ '/tmp' }}
klp_package=
klp_klpctl={{ host ~ '/klpctl' }}
klp_store={{ host ~ '/store' }}
klp_work_dir={{ host ~ '/work' }}
klp_facts_dir={{ host ~ '/facts.d' }}
klp_unit_dir={{ host }}
END
    } >"$work/hosts"
}

# patch NAME KERNEL VERSION [REPLACE [SERIES]] - writes the file of a patch.
patch() {
    local series=null
    [ $# -lt 5 ] || series="\"$5\""
    printf '{"name": "%s", "kernel": "%s", "version": "%s", "replace": %s, "series": %s}\n' "${1//-/_}" "$2" "$3" \
        "${4:-false}" "$series" \
        >"$work/$1.ko"
}

# play NAME ARGUMENT.. - runs a playbook. The output is in $work/out.
play() {
    local name=$1
    shift
    ansible-playbook -i "$work/hosts" "$top/fleet/ansible/$name.yml" "$@" >"$work/out" 2>&1
}

rollout() {
    play rollout -e '{"klp_waves": [1, 2, "100%"]}' "$@"
}

# has NAME HOST.. - whether the patch is applied and installed on these hosts alone.
has() {
    local name=$1 host wanted=" ${*:2} "
    for host in "$work"/fleet/*/; do
        host=$(basename "$host")
        case $wanted in
            *" $host "*)
                grep -q "\"$name\"" "$work/fleet/$host/loaded.json" || return 1
                ls "$work/fleet/$host/store/"*/*-"$name".ko >/dev/null 2>&1 || return 1
                ;;
            *)
                ! grep -qs "\"$name\"" "$work/fleet/$host/loaded.json" || return 1
                ! ls "$work/fleet/$host/store/"*/*-"$name".ko >/dev/null 2>&1 || return 1
                ;;
        esac
    done
}

says() {
    tr -s ' \n' '  ' <"$work/out" | grep -qF -- "$1"
}

# installs - the hosts in the order of their installs.
installs() {
    sed -n 's/ install .*//p' "$work/fleet/log" | tr '\n' ' '
}

check "the playbooks have no syntax errors" ansible-playbook --syntax-check -i localhost, "$top"/fleet/ansible/*.yml
check "ansible-lint finds nothing" \
    ansible-lint --offline --strict --nocolor -q --profile production "$top/fleet/ansible"

four="h1 h2 h3 h4"
files="{\"klp_patches\": [\"$work/fix-foo.ko\"]}"
patch fix-foo 6.12.1 1.0

# shellcheck disable=SC2086
inventory $four
check "a patch is rolled out" rollout -e "$files"
# shellcheck disable=SC2086
check "it is applied and installed everywhere" has fix_foo $four
in_waves() {
    # Each wave has checked all its hosts before the next one installs.
    awk '$2 == "install" { print $1 } $2 == "--json" && $3 == "status" { print "status " $1 }' "$work/fleet/log" |
        awk '/^h/ { if ($1 ~ /h[23]/ && !one) exit 1; if ($1 ~ /h4/ && two < 2) exit 1 }
             /^status/ { n[$2]++; if (n["h1"] == 2) one = 1; two = (n["h2"] >= 2) + (n["h3"] >= 2) }'
}
check "the roll-out went wave after wave" in_waves
check "a second run succeeds" rollout -e "$files"
check "the second run reaches all hosts" says "h4 : ok="
unchanged() {
    ! grep -q 'changed=[1-9]' "$work/out"
}
check "the second run changes nothing" unchanged
patch fix-foo 6.12.1 1.1
check_fails "a newer version with the name of a loaded one fails" rollout -e "$files"
check "the newer version does not count as applied" says "fix_foo is applied in another version"
patch fix-foo 6.12.1 1.0
check "a rolled-out patch is taken back" play takeback -e '{"klp_names": ["fix_foo"]}'
check "the patch is taken back everywhere" has fix_foo

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h3/stall-fix_foo"
check_fails "a host on which the transition stalls ends the roll-out" rollout -e "$files"
check "the hosts of its wave revert, earlier ones keep the patch, the next wave does not start" has fix_foo h1
check "the blocking task is reported" says "held up by: task 812"
check "the healthy host of that wave reports why it reverted" says "healthy, but its wave failed (h3); rolled back"
rm "$work/fleet/h3/stall-fix_foo"
check "a second run continues the roll-out" rollout -e "$files"
# shellcheck disable=SC2086
check "the roll-out is complete" has fix_foo $four
check "h1 did not install the patch twice" test "$(installs | tr ' ' '\n' | grep -c h1)" = 1

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h3/stall-fix_foo"
check_fails "with a tolerated failure, the roll-out fails" rollout -e "$files" -e klp_max_fail_percentage=50
check "only the failed host reverts" has fix_foo h1 h2 h4

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h1/slow-fix_foo"
check_fails "an unfinished transition fails the gate" rollout -e "$files"
check "the unfinished patch is reverted" has fix_foo

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h2/crash-fix_foo"
check_fails "a host that goes down ends the roll-out" rollout -e "$files"
check "the host that went down is reported" says "failed: the host is unreachable"
check "the other hosts of its wave revert" test ! -e "$work/fleet/h3/store/6.12.1/0001-fix_foo.ko"
check "the next wave does not start" test ! -e "$work/fleet/h4/calls"

inventory h1
patch old 6.12.1 1
patch all 6.12.1 2 true
check "an older patch is rolled out" rollout -e "{\"klp_patches\": [\"$work/old.ko\"]}"
check_fails "a failing klp_health_command fails the roll-out" \
    rollout -e "{\"klp_patches\": [\"$work/all.ko\"], \"klp_replace\": true, \"klp_health_command\": [\"false\"]}"
check "the replaced patch is back" has old h1
check "the replacing patch is gone" has all
check "a passing klp_health_command passes the gate" \
    rollout -e "{\"klp_patches\": [\"$work/all.ko\"], \"klp_replace\": true, \"klp_health_command\": [\"true\"]}"
check "the replacing patch stays" has all h1
check "the replaced patch is uninstalled" has old

inventory h1
for version in 1 2; do
    patch "fix_foo_$version" 6.12.1 "$version" true fix_foo
    check "version $version of a cumulative patch is rolled out" rollout -e "{\"klp_patches\": [\"$work/fix_foo_$version.ko\"]}"
done
check "version 2 is loaded and installed" has fix_foo_2 h1
check "the previous version, which is still installed, is rolled out" rollout -e "{\"klp_patches\": [\"$work/fix_foo_1.ko\"]}"
check "the previous version is loaded again" has fix_foo_1 h1
check "a series is taken back by the name without a version" play takeback -e '{"klp_names": ["fix_foo"]}'
check "version 1 of the series is gone" has fix_foo_1
check "version 2 of the series is gone" has fix_foo_2

inventory h1
patch other 6.12.2 1
check "a patch for another kernel is rolled out" rollout -e "{\"klp_patches\": [\"$work/other.ko\", \"$work/fix-foo.ko\"]}"
check "the patch for another kernel is installed" test -e "$work/fleet/h1/store/6.12.2/0001-other.ko"
check "the patch for another kernel is not loaded" grep -qvF '"other"' "$work/fleet/h1/loaded.json"
echo fix_foo >"$work/fleet/h1/held"
: >"$work/fleet/log"
check_fails "a held patch fails the gate" \
    rollout -e "{\"klp_patches\": [\"$work/other.ko\", \"$work/fix-foo.ko\"]}"
check "the held patch is not tried again" test -z "$(installs)"

inventory h1 h2
cp "$work/fix-foo.ko" "$work/fleet/fix-foo.ko"
check "packages of patches are rolled out" rollout -e '{"klp_packages": ["fix-foo=1.0"]}'
check "the packages' patch is applied" has fix_foo h1 h2
inventory h1 h2
cp "$work/fix-foo.ko" "$work/fleet/fix-foo.ko"
touch "$work/fleet/h2/stall-fix_foo"
check_fails "a package whose patch stalls fails the roll-out" play rollout -e '{"klp_packages": ["fix-foo=1.0"]}' -e '{"klp_waves": [2]}'
check "the stalled patch is removed from the wave" has fix_foo
check "the package manager removed the package" test ! -e "$work/fleet/h1/packages/fix-foo"

inventory real
check "the real klpctl works on a host without patches" \
    rollout -e "klp_klpctl=$KLPCTL" -e "klp_metrics_file=$work/klp.prom" -e klp_store=/nonexistent
check "the facts of that host are gathered" \
    ansible -i "$work/hosts" real -m ansible.builtin.setup -a "fact_path=$work/fleet/real/facts.d" --tree "$work/facts"
check "the facts have this machine's kernel release" grep -qF "\"kernel\": \"$(uname -r)\"" "$work/facts/real"
check "the unit for metrics runs the real klpctl" grep -qF "ExecStart=$KLPCTL metrics --output" "$work/fleet/real/klpctl-metrics.service"
