# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# klpctl installs patches, loads them as at boot, and holds those that crashed the machine.
# Limit: 300 s

. /klp/vm/lib.sh
. /klp/vm/klpctl.sh

# The checks take seconds on an emulated machine, so only some commands make them.
quick=--unchecked

release=$(uname -r)
store=/var/lib/klpctl
sample=$MODULES/livepatch-sample.ko
first=$MODULES/held-first.ko
cumulative=$MODULES/original-cumulative.ko

# another_boot - makes the records so far those of an earlier boot.
another_boot() {
	mv "$store"/trial/*:* "$store/trial/an earlier one:$release"
}

# other_release FILE - copies a patch and changes the kernel release that it is for to one of the same length.
other_release() {
	sed "s/vermagic=${release//./\\.}/vermagic=${release/[0-9]./9.}/" "$1" >/tmp/other.ko
}

check "uninstalling a missing patch fails" ctl_status 1 uninstall livepatch_sample
expect_match "the missing patch is reported" "not installed; no patch is installed" "$(said)"
check "uninstalling a missing patch with --missing-ok succeeds" ctl_status 0 uninstall --missing-ok livepatch_sample
check "a dry run of install succeeds" ctl_status 0 --dry-run install $quick "$sample"
expect_match "the dry run shows the kernel" "would be installed for kernel ${release//+/\\+}" "$(said)"
check "the dry run installs nothing" test ! -e $store
must "install a patch" ctl_status 0 install $quick "$sample"
check "the installed patch is not loaded" test ! -e $LIVEPATCH/livepatch_sample
check "klpctl status succeeds" ctl_status 0 status
expect_match "status shows the installed patch as not loaded" "livepatch_sample: not loaded; .klpctl boot. loads it" "$(said)"
must "install a second patch" ctl_status 0 install $quick "$first"
check "the store has the patches in the order of installation" \
	test -e $store/"$release"/0001-livepatch_sample.ko -a -e $store/"$release"/0002-held_first.ko

check "a patch that cannot be loaded fails the boot" ctl_status 1 boot
expect_match "the patch that cannot be loaded is reported" "held_first: held_first needs the module klp_held" "$(said)"
check "the other patch is loaded" settled livepatch_sample
check "the other patch is in effect" grep -q 'has been live patched' /proc/cmdline
check "klpctl status succeeds after a failed boot" ctl_status 0 status
expect_match "status shows why a patch was not loaded" "held_first: could not be loaded: .*modprobe klp_held" "$(said)"
expect_match "status shows the other patch on trial" "livepatch_sample: loaded, and on trial" "$(said)"

must "simulate a crash" another_boot
check "klpctl status succeeds after a crash" ctl_status 0 status
must "unload the patch, as after a crash" ctl_status 0 unload livepatch_sample
expect_match "unload reports that the patch is still installed" "still installed" "$(said)"
check "the boot after a crash fails" ctl_status 1 boot $quick
expect_match "the patch that was on trial is held" "livepatch_sample: held out: the machine went down" "$(said)"
check "the held patch is not loaded" test ! -e $LIVEPATCH/livepatch_sample
check "klpctl status succeeds with a held patch" ctl_status 0 --json status
expect_match "JSON has the state of the held patch" '"state": "held"' "$(said)"
check "a patch that is not held cannot be retried" ctl_status 1 boot --retry held_first
must "retry the held patch" ctl_status 1 boot $quick --retry livepatch_sample
check "the retried patch is loaded" settled livepatch_sample
must "end the trial" ctl_status 0 boot --healthy
check "the record of the trial is gone" test ! -e $store/trial
must "uninstall and unload the retried patch" ctl_status 0 uninstall --now livepatch-sample
check "the uninstalled patch is gone" test ! -e $LIVEPATCH/livepatch_sample

must "install and load in one step" ctl_status 0 install $quick --now --replace "$sample"
check "the patch is loaded" settled livepatch_sample
check "the patch is on trial" eval "test -e $store/trial/*/livepatch_sample"
check "the patch is the only one installed" test ! -e $store/"$release"/0002-held_first.ko

must "install a cumulative patch after it" ctl_status 0 install $quick "$cumulative"
must "unload the patch, as after a reboot" ctl_status 0 unload livepatch_sample
check "klpctl status succeeds with a cumulative patch" ctl_status 0 status
expect_match "status shows the superseded patch" "livepatch_sample: superseded: original_cumulative" "$(said)"
must "load patches at boot" ctl_status 0 boot $quick
check "the cumulative patch is loaded" settled original_cumulative
expect_match "the cumulative patch is in effect" "^all new: " "$(cat /proc/cmdline)"
check "the superseded patch is not loaded" test ! -e $LIVEPATCH/livepatch_sample
check "a second klpctl boot succeeds" ctl_status 0 boot $quick
check "a second klpctl boot does not load the superseded patch" test ! -e $LIVEPATCH/livepatch_sample
check "installing a superseded patch succeeds" ctl_status 0 install $quick --now "$sample"
expect_match "install reports that the patch is superseded" "superseded by original_cumulative" "$(said)"
must "simulate a crash with the cumulative patch" another_boot
must "unload the cumulative patch, as after a crash" ctl_status 0 unload original_cumulative
check "the cumulative patch is held" ctl_status 1 boot $quick
check "the superseded patch is loaded instead" settled livepatch_sample
must "retry the cumulative patch" ctl_status 0 boot $quick --retry original_cumulative
check "the cumulative patch is loaded again" settled original_cumulative
check "the cumulative patch replaced the other one" test ! -e $LIVEPATCH/livepatch_sample
must "uninstall and unload the cumulative patch" ctl_status 0 uninstall --now original_cumulative
check "the cumulative patch is gone" test ! -e /sys/module/original_cumulative
check "the other patch is back" settled livepatch_sample

must "make a patch for another kernel" other_release "$sample"
must "a patch for another kernel can be installed" ctl_status 0 install $quick /tmp/other.ko
check "a patch for another kernel cannot be loaded" ctl_status 4 install $quick --now /tmp/other.ko
check "klpctl status succeeds with a patch for another kernel" ctl_status 0 status
expect_match "status shows the patch for another kernel" "installed for kernel 9\..*, which is not running: livepatch_sample" "$(said)"
must "uninstall the patch for one kernel" ctl_status 0 uninstall --kernel "$release" livepatch_sample
check "the patch for the other kernel can be uninstalled" ctl_status 0 uninstall livepatch_sample
check "the store is empty" test -z "$(ls $store)" -o "$(ls $store)" = trial

mkdir -p $store/"$release"
echo half >$store/"$release"/0001-broken.ko
check "a damaged file fails the boot" ctl_status 1 boot $quick
expect_match "the damaged file is reported" "broken: .*0001-broken.ko is not a module" "$(said)"

must "unload the patch" ctl_status 0 unload livepatch_sample
rm -rf /tmp/ctl /tmp/other.ko /run/klpctl $store
