# SPDX-License-Identifier: GPL-2.0-only
# A cumulative patch is upgraded to a version that the machine goes down with: it is held out, and the one before it is
# loaded.
# Limit: 300 s
# Only: x86

. /klp/vm/lib.sh
. /klp/vm/klpctl.sh

store=/var/lib/klpctl
release=$(uname -r)

# version NUMBER - the patch, in version 1.NUMBER.
version() {
	local name=versioned_1_$1
	sed "s/versioned_1_1/$name/g; s/version=1\.1/version=1.$1/" "$MODULES/versioned-1-1.ko" >/tmp/$name.ko
}

installed() {
	ls $store/"$release" | sed -n 's/^[0-9]*-\(.*\)\.ko$/\1/p' | tr '\n' ' '
}

# another_boot NAME - the machine goes down, and starts again without this patch.
another_boot() {
	mv $store/trial/*:* "$store/trial/an earlier one:$release" &&
		ctl_status 0 unload "$1" && rm -rf /run/klpctl
}

for number in 1 2 3; do
	version $number
done
must "install and load a version" ctl_status 0 install --unchecked --now /tmp/versioned_1_1.ko
must "the machine is healthy with it" ctl_status 0 boot --healthy
must "upgrade it" ctl_status 0 install --unchecked --now /tmp/versioned_1_2.ko
expect_eq "it is loaded at once" versioned_1_2 "$(cat /proc/version)"
expect_match "in the place of the one before" "in the place of versioned_1_1" "$(said)"
check "which is gone" test ! -e /sys/module/versioned_1_1
expect_eq "and stays installed while the new one is on trial" "versioned_1_1 versioned_1_2 " "$(installed)"
check "status knows both" ctl_status 0 status
expect_match "the one" "versioned_1_1: superseded: versioned_1_2" "$(said)"
expect_match "and the other" "versioned_1_2: loaded, and on trial" "$(said)"

must "the machine goes down with it" another_boot versioned_1_2
check "at the next boot, one is not loaded" ctl_status 1 boot --unchecked
expect_match "which is held out" "versioned_1_2: held out: the machine went down" "$(said)"
expect_eq "the one before is loaded" versioned_1_1 "$(cat /proc/version)"
check "status says so" ctl_status 0 status
expect_match "of the new one" "versioned_1_2: held out: the machine went down" "$(said)"
expect_match "and of the one before" "versioned_1_1: loaded, and on trial" "$(said)"
check "its package is configured again" ctl_status 0 install --unchecked --now /tmp/versioned_1_2.ko
expect_match "and it stays out" "stays held out" "$(said)"
expect_eq "really" versioned_1_1 "$(cat /proc/version)"
must "the machine is healthy with the one before" ctl_status 0 boot --healthy
expect_eq "both are there still" "versioned_1_1 versioned_1_2 " "$(installed)"
check "another boot" ctl_status 1 boot --unchecked
expect_eq "changes nothing" versioned_1_1 "$(cat /proc/version)"

must "a version that mends it" ctl_status 0 install --unchecked --now /tmp/versioned_1_3.ko
expect_eq "is loaded" versioned_1_3 "$(cat /proc/version)"
must "the machine is healthy with it" ctl_status 0 boot --healthy
expect_eq "and it is the only one left" "versioned_1_3 " "$(installed)"
check "nothing is held out" ctl_status 0 status
expect_match "so all is well" "versioned_1_3: loaded$" "$(said)"
check "nor left behind" test ! -e $store/"$release"/held

sed "s/series=versioned/series=vrsn_1_1x/" /tmp/versioned_1_3.ko >/tmp/other.ko
check "is refused" ctl_status 6 install --unchecked /tmp/other.ko
expect_match "with the reason" "two patches cannot have the same name" "$(said)"

# What it superseded needs a module that is not there.
must "a patch that cannot be loaded" ctl_status 0 install --unchecked "$MODULES/held-first.ko"
must "and one that supersedes it" ctl_status 0 install --unchecked --now "$MODULES/original-cumulative.ko"
check "without the latter" ctl_status 1 uninstall --now original_cumulative
expect_match "it is said that the former is missing" "held_first: .*modprobe klp_held" "$(said)"
check "the other one is back" grep -qx versioned_1_3 /proc/version
check "status says so" ctl_status 0 status
expect_match "with the reason" "held_first: could not be loaded: .*modprobe klp_held" "$(said)"

must "take it out" ctl_status 0 uninstall --now versioned_1_3
check "nothing is loaded" test -z "$(patches)"
rm -rf /tmp/ctl /tmp/other.ko /tmp/versioned_1_*.ko /run/klpctl $store
