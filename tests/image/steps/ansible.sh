# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The real Ansible rolls out packages on this machine, from a package repository.

export ANSIBLE_HOME=/tmp/ansible ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 ANSIBLE_DEPRECATION_WARNINGS=0
export LC_ALL=C.UTF-8
patches="livepatch-versioned-$release"

# play NAME ARGUMENT.. - runs a playbook on this machine.
play() {
	local name=$1
	shift
	cp -r /run/klp/image/ansible /tmp/playbooks 2>/dev/null
	ansible-playbook -i this, -c local -e ansible_become=false "/tmp/playbooks/$name.yml" "$@" >/tmp/out 2>&1 || {
		tail -n 40 /tmp/out
		return 1
	}
}

# rollout PACKAGE.. - rolls out packages.
rollout() {
	local list
	list=$(printf '"%s", ' "$@")
	play rollout -e "{\"klp_packages\": [${list%, }], \"klp_metrics_file\": \"/var/lib/klp.prom\"}"
}

repository() {
	mkdir -p /srv/klp && cp $packages/*.deb /srv/klp/ && (cd /srv/klp && apt-ftparchive packages . >Packages) &&
		echo 'deb [trusted=yes] file:/srv/klp ./' >/etc/apt/sources.list && rm -rf /etc/apt/sources.list.d/* &&
		apt-get update --quiet
}

step_ansible() {
	must "there is a repository" repository
	must "the kernel's package is installed" packaged linux-image-
	must "a patch is rolled out" rollout "$patches=1.1-0klp1"
	expect_eq "the patch is in effect" versioned_1_1 "$(cat /proc/version)"
	check "klpctl was installed with it" test -x /usr/sbin/klpctl
	# shellcheck disable=SC2086
	expect_eq "klpctl's units are enabled" "enabled enabled enabled" "$(systemctl is-enabled $units | xargs)"
	check "the machine's facts have the patch" grep -q versioned_1_1 <(ansible -i this, -c local all -m setup -a filter=ansible_local 2>&1)
	check "metrics are written" wait_until test -s /var/lib/klp.prom
	sed 's/^/@metric /' /var/lib/klp.prom
	must "the patch is rolled out a second time" rollout "$patches=1.1-0klp1"
	expect_match "a second roll-out changes nothing" "this +: ok=.* changed=0" "$(cat /tmp/out)"
	must "the patch is upgraded" rollout "$patches=1.2-0klp1"
	expect_eq "the upgrade is in effect" versioned_1_2 "$(cat /proc/version)"
	# The gate fails.
	check "an unhealthy machine fails the roll-out" fails play rollout -e \
		"{\"klp_packages\": [\"livepatch-steady-$release\"], \"klp_health_command\": [\"/bin/false\"]}"
	expect_eq "the unhealthy machine reverts" versioned_1_2 "$(cat /proc/version)"
	check "the package is removed, too" fails dpkg -s "livepatch-steady-$release"
	expect_eq "the previous patch alone is loaded" versioned_1_2 "$(ls $LIVEPATCH | xargs)"
}

step_rolled_out() {
	expect_eq "the patch was loaded at boot" versioned_1_2 "$(cat /proc/version)"
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
	check "metrics are written again" wait_until test /var/lib/klp.prom -nt /proc/1/comm
	must "the patch is taken back" play takeback -e '{"klp_names": ["versioned"]}'
	check "nothing is loaded" test -z "$(ls $LIVEPATCH)"
	check "nothing is installed" test -z "$(find $store -name '*.ko')"
}
