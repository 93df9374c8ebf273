# SPDX-License-Identifier: GPL-2.0-only
# A cumulative patch is upgraded to a version that crashes the machine: that is held, and the previous one is loaded.
# Limit: 300 s
# Only: x86

. /klp/vm/lib.sh
. /klp/vm/klpctl.sh

store=/var/lib/klpctl
release=$(uname -r)

# version NUMBER - makes the patch in version 1.NUMBER.
version() {
	local name=versioned_1_$1
	sed "s/versioned_1_1/$name/g; s/version=1\.1/version=1.$1/" "$MODULES/versioned-1-1.ko" >/tmp/$name.ko
}

installed() {
	ls $store/"$release" | sed -n 's/^[0-9]*-\(.*\)\.ko$/\1/p' | tr '\n' ' '
}

# another_boot NAME - simulates a crash and a boot without this patch.
another_boot() {
	mv $store/trial/*:* "$store/trial/an earlier one:$release" &&
		ctl_status 0 unload "$1" && rm -rf /run/klpctl
}

for number in 1 2 3; do
	version $number
done
must "install and load a version" ctl_status 0 install --unchecked --now /tmp/versioned_1_1.ko
must "end the trial of version 1" ctl_status 0 boot --healthy
must "upgrade to version 2" ctl_status 0 install --unchecked --now /tmp/versioned_1_2.ko
expect_eq "version 2 is loaded at once" versioned_1_2 "$(cat /proc/version)"
expect_match "install reports the replaced version" "replacing versioned_1_1" "$(said)"
check "version 1 is unloaded" test ! -e /sys/module/versioned_1_1
expect_eq "version 1 stays installed while version 2 is on trial" "versioned_1_1 versioned_1_2 " "$(installed)"
check "klpctl status succeeds after the upgrade" ctl_status 0 status
expect_match "status shows version 1 as superseded" "versioned_1_1: superseded: versioned_1_2" "$(said)"
expect_match "status shows version 2 on trial" "versioned_1_2: loaded, and on trial" "$(said)"

must "simulate a crash with version 2" another_boot versioned_1_2
check "the boot after the crash fails" ctl_status 1 boot --unchecked
expect_match "version 2 is held" "versioned_1_2: held out: the machine went down" "$(said)"
expect_eq "version 1 is loaded" versioned_1_1 "$(cat /proc/version)"
check "klpctl status succeeds after the crash" ctl_status 0 status
expect_match "status shows version 2 as held" "versioned_1_2: held out: the machine went down" "$(said)"
expect_match "status shows version 1 on trial" "versioned_1_1: loaded, and on trial" "$(said)"
check "installing the held version again succeeds" ctl_status 0 install --unchecked --now /tmp/versioned_1_2.ko
expect_match "install reports that version 2 stays held" "stays held out" "$(said)"
expect_eq "version 1 stays loaded" versioned_1_1 "$(cat /proc/version)"
must "end the second trial of version 1" ctl_status 0 boot --healthy
expect_eq "both versions stay installed" "versioned_1_1 versioned_1_2 " "$(installed)"
check "another klpctl boot fails because of the held version" ctl_status 1 boot --unchecked
expect_eq "another klpctl boot changes nothing" versioned_1_1 "$(cat /proc/version)"

must "install a fixed version" ctl_status 0 install --unchecked --now /tmp/versioned_1_3.ko
expect_eq "the fixed version is loaded" versioned_1_3 "$(cat /proc/version)"
must "end the trial of the fixed version" ctl_status 0 boot --healthy
expect_eq "only the fixed version is installed" "versioned_1_3 " "$(installed)"
check "klpctl status succeeds with the fixed version" ctl_status 0 status
expect_match "status shows the fixed version as loaded" "versioned_1_3: loaded$" "$(said)"
check "no record of held patches is left" test ! -e $store/"$release"/held

sed "s/series=versioned/series=vrsn_1_1x/" /tmp/versioned_1_3.ko >/tmp/other.ko
check "a patch with the same name and another series is refused" ctl_status 6 install --unchecked /tmp/other.ko
expect_match "the name conflict is reported" "two patches cannot have the same name" "$(said)"

# A superseded patch needs a module that is not loaded.
must "install a patch that cannot be loaded" ctl_status 0 install --unchecked "$MODULES/held-first.ko"
must "install a patch that supersedes it" ctl_status 0 install --unchecked --now "$MODULES/original-cumulative.ko"
check "uninstalling the superseding patch fails" ctl_status 1 uninstall --now original_cumulative
expect_match "the patch that cannot be loaded is reported" "held_first: .*modprobe klp_held" "$(said)"
check "the other superseded patch is back" grep -qx versioned_1_3 /proc/version
check "klpctl status succeeds after the failure" ctl_status 0 status
expect_match "status shows why the patch was not loaded" "held_first: could not be loaded: .*modprobe klp_held" "$(said)"

must "uninstall the patch" ctl_status 0 uninstall --now versioned_1_3
check "nothing is loaded" test -z "$(patches)"
rm -rf /tmp/ctl /tmp/other.ko /tmp/versioned_1_*.ko /run/klpctl $store
