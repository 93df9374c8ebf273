#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the playbooks of fleet/ansible with the real Ansible, on hosts that are folders of this machine with a stand-in
# for klpctl. The programs of Ansible are in $PATH, and $KLPCTL is the real klpctl. Prints a line for each case.

set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
tests=$top/tests/fleet
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$tests/lib.sh"

export ANSIBLE_HOME=$work/home ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_RETRY_FILES_ENABLED=0
export ANSIBLE_LIBRARY=$tests/library ANSIBLE_DEPRECATION_WARNINGS=0 ANSIBLE_CONFIG=$work/ansible.cfg
# All that a host's setup takes is seconds, and what a host is does not matter here.
export ANSIBLE_GATHERING=explicit ANSIBLE_PIPELINING=1
: >"$ANSIBLE_CONFIG"

# inventory HOST..: those hosts, new.
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

# patch NAME KERNEL VERSION [REPLACE [SERIES]]: the file of a patch.
patch() {
    local series=null
    [ $# -lt 5 ] || series="\"$5\""
    printf '{"name": "%s", "kernel": "%s", "version": "%s", "replace": %s, "series": %s}\n' "${1//-/_}" "$2" "$3" \
        "${4:-false}" "$series" \
        >"$work/$1.ko"
}

# play NAME ARGUMENT..: runs a playbook; its output is in $work/out.
play() {
    local name=$1
    shift
    ansible-playbook -i "$work/hosts" "$top/fleet/ansible/$name.yml" "$@" >"$work/out" 2>&1
}

rollout() {
    play rollout -e '{"klp_waves": [1, 2, "100%"]}' "$@"
}

# has NAME HOST..: the patch is applied and installed there, and nowhere else.
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

# The hosts in the order in which they have installed something.
installs() {
    sed -n 's/ install .*//p' "$work/fleet/log" | tr '\n' ' '
}

check "ansible-playbook reads the playbooks" ansible-playbook --syntax-check -i localhost, "$top"/fleet/ansible/*.yml
check "ansible-lint finds nothing" \
    ansible-lint --offline --strict --nocolor -q --profile production "$top/fleet/ansible"

four="h1 h2 h3 h4"
files="{\"klp_patches\": [\"$work/fix-foo.ko\"]}"
patch fix-foo 6.12.1 1.0

# shellcheck disable=SC2086
inventory $four
check "a patch is rolled out" rollout -e "$files"
# shellcheck disable=SC2086
check "and is applied and installed everywhere" has fix_foo $four
in_waves() {
    # Each wave has looked at all its hosts before the next one installs.
    awk '$2 == "install" { print $1 } $2 == "--json" && $3 == "status" { print "status " $1 }' "$work/fleet/log" |
        awk '/^h/ { if ($1 ~ /h[23]/ && !one) exit 1; if ($1 ~ /h4/ && two < 2) exit 1 }
             /^status/ { n[$2]++; if (n["h1"] == 2) one = 1; two = (n["h2"] >= 2) + (n["h3"] >= 2) }'
}
check "wave after wave" in_waves
check "a second run" rollout -e "$files"
check "changes nothing" says "h4 : ok="
unchanged() {
    ! grep -q 'changed=[1-9]' "$work/out"
}
check "and is said to change nothing" unchanged
patch fix-foo 6.12.1 1.1
check_fails "a newer version under the name of one that is loaded" rollout -e "$files"
check "is not taken for applied" says "fix_foo is applied in another version"
patch fix-foo 6.12.1 1.0
check "patches that passed are taken back" play takeback -e '{"klp_names": ["fix_foo"]}'
check "everywhere" has fix_foo

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h3/stall-fix_foo"
check_fails "a host on which the transition stalls ends the roll-out" rollout -e "$files"
check "the hosts of its wave go back, those before keep the patch, the next wave does not begin" has fix_foo h1
check "who held it up is said" says "held up by: task 812"
check "the host of that wave that was well says why it went back" says "healthy, but its wave failed (h3); went back"
rm "$work/fleet/h3/stall-fix_foo"
check "run again, it goes on" rollout -e "$files"
# shellcheck disable=SC2086
check "to the end" has fix_foo $four
check "and h1 did not install it twice" test "$(installs | tr ' ' '\n' | grep -c h1)" = 1

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h3/stall-fix_foo"
check_fails "half of a wave may fail" rollout -e "$files" -e klp_max_fail_percentage=50
check "and only the host that failed goes back" has fix_foo h1 h2 h4

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h1/slow-fix_foo"
check_fails "a transition that is not over fails the gate" rollout -e "$files"
check "and is taken back" has fix_foo

# shellcheck disable=SC2086
inventory $four
touch "$work/fleet/h2/crash-fix_foo"
check_fails "a host that goes down ends the roll-out" rollout -e "$files"
check "it is named" says "failed: it does not answer"
check "the others of its wave go back" test ! -e "$work/fleet/h3/store/6.12.1/0001-fix_foo.ko"
check "the next wave does not begin" test ! -e "$work/fleet/h4/calls"

inventory h1
patch old 6.12.1 1
patch all 6.12.1 2 true
check "an older patch" rollout -e "{\"klp_patches\": [\"$work/old.ko\"]}"
check_fails "one's own check of the host fails" \
    rollout -e "{\"klp_patches\": [\"$work/all.ko\"], \"klp_replace\": true, \"klp_health_command\": [\"false\"]}"
check "what was replaced is back" has old h1
check "and what replaced it is not there" has all
check "the check that passes" \
    rollout -e "{\"klp_patches\": [\"$work/all.ko\"], \"klp_replace\": true, \"klp_health_command\": [\"true\"]}"
check "lets it stay" has all h1
check "and what it replaced is not installed any more" has old

inventory h1
for version in 1 2; do
    patch "fix_foo_$version" 6.12.1 "$version" true fix_foo
    check "version $version of a cumulative patch" rollout -e "{\"klp_patches\": [\"$work/fix_foo_$version.ko\"]}"
done
check "is there" has fix_foo_2 h1
check "the version before, which is still installed" rollout -e "{\"klp_patches\": [\"$work/fix_foo_1.ko\"]}"
check "is loaded again" has fix_foo_1 h1
check "both are taken back" play takeback -e '{"klp_names": ["fix_foo"]}'
check "by the name without the version" has fix_foo_1
check "altogether" has fix_foo_2

inventory h1
patch other 6.12.2 1
check "a patch for another kernel" rollout -e "{\"klp_patches\": [\"$work/other.ko\", \"$work/fix-foo.ko\"]}"
check "is installed" test -e "$work/fleet/h1/store/6.12.2/0001-other.ko"
check "and not loaded" grep -qvF '"other"' "$work/fleet/h1/loaded.json"
echo fix_foo >"$work/fleet/h1/held"
: >"$work/fleet/log"
check_fails "a patch that is held out fails the gate" \
    rollout -e "{\"klp_patches\": [\"$work/other.ko\", \"$work/fix-foo.ko\"]}"
check "and is not tried again" test -z "$(installs)"

inventory h1 h2
cp "$work/fix-foo.ko" "$work/fleet/fix-foo.ko"
check "packages of patches" rollout -e '{"klp_packages": ["fix-foo=1.0"]}'
check "are installed" has fix_foo h1 h2
inventory h1 h2
cp "$work/fix-foo.ko" "$work/fleet/fix-foo.ko"
touch "$work/fleet/h2/stall-fix_foo"
check_fails "a package whose patch stalls" play rollout -e '{"klp_packages": ["fix-foo=1.0"]}' -e '{"klp_waves": [2]}'
check "is removed from the wave" has fix_foo
check "by the package manager" test ! -e "$work/fleet/h1/packages/fix-foo"

inventory real
check "the real klpctl on a host without patches" \
    rollout -e "klp_klpctl=$KLPCTL" -e "klp_metrics_file=$work/klp.prom" -e klp_store=/nonexistent
check "its facts are those of this machine" \
    ansible -i "$work/hosts" real -m ansible.builtin.setup -a "fact_path=$work/fleet/real/facts.d" --tree "$work/facts"
check "and have its kernel's release" grep -qF "\"kernel\": \"$(uname -r)\"" "$work/facts/real"
check "the unit for metrics runs it" grep -qF "ExecStart=$KLPCTL metrics --output" "$work/fleet/real/klpctl-metrics.service"
