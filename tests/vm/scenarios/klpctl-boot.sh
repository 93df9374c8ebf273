# SPDX-License-Identifier: GPL-2.0-only
# Only: x86
# klpctl installs patches, loads them as at boot, and holds out what the machine went down with.
# Limit: 300 s

. /klp/vm/lib.sh
. /klp/vm/klpctl.sh

# The checks take seconds on an emulated machine, so they are made once.
quick=--unchecked

release=$(uname -r)
store=/var/lib/klpctl
sample=$MODULES/livepatch-sample.ko
first=$MODULES/held-first.ko
cumulative=$MODULES/original-cumulative.ko

# another_boot - what was written so far is of a boot before this one.
another_boot() {
	mv "$store"/trial/*:* "$store/trial/an earlier one:$release"
}

# other_release FILE - a copy of a patch that was built for another kernel of a release as long.
other_release() {
	sed "s/vermagic=${release//./\\.}/vermagic=${release/[0-9]./9.}/" "$1" >/tmp/other.ko
}

check "nothing is installed" ctl_status 1 uninstall livepatch_sample
expect_match "and it says so" "not installed; nothing is" "$(said)"
check "scripts can take that for done" ctl_status 0 uninstall --missing-ok livepatch_sample
check "a dry run" ctl_status 0 --dry-run install $quick "$sample"
expect_match "says what for" "would be installed for kernel ${release//+/\\+}" "$(said)"
check "and installs nothing" test ! -e $store
must "install a patch" ctl_status 0 install $quick "$sample"
check "it is not loaded" test ! -e $LIVEPATCH/livepatch_sample
check "status names it" ctl_status 0 status
expect_match "as not loaded" "livepatch_sample: not loaded; .klpctl boot. loads it" "$(said)"
must "install a second one" ctl_status 0 install $quick "$first"
check "in the order in which they came" \
	test -e $store/"$release"/0001-livepatch_sample.ko -a -e $store/"$release"/0002-held_first.ko

check "a patch that cannot be loaded fails the boot" ctl_status 1 boot
expect_match "and is named" "held_first: held_first needs the module klp_held" "$(said)"
check "the other one is loaded" settled livepatch_sample
check "the patched function answers" grep -q 'has been live patched' /proc/cmdline
check "status knows why" ctl_status 0 status
expect_match "the one was not loaded" "held_first: could not be loaded: .*modprobe klp_held" "$(said)"
expect_match "and that the other is on trial" "livepatch_sample: loaded, and on trial" "$(said)"

must "the machine goes down" another_boot
check "status knows before anybody acts" ctl_status 0 status
must "nothing is loaded any more" ctl_status 0 unload livepatch_sample
expect_match "but it is still installed, which is said" "still installed" "$(said)"
check "at the next boot" ctl_status 1 boot $quick
expect_match "the culprit is held out" "livepatch_sample: held out: the machine went down" "$(said)"
check "and not loaded" test ! -e $LIVEPATCH/livepatch_sample
check "status says so" ctl_status 0 --json status
expect_match "in one word" '"state": "held"' "$(said)"
check "what is not held out cannot be tried again" ctl_status 1 boot --retry held_first
must "it is tried again when somebody says so" ctl_status 1 boot $quick --retry livepatch_sample
check "and is loaded" settled livepatch_sample
must "the machine is healthy" ctl_status 0 boot --healthy
check "the mark is gone" test ! -e $store/trial
must "uninstall it, and unload it" ctl_status 0 uninstall --now livepatch-sample
check "it is gone" test ! -e $LIVEPATCH/livepatch_sample

must "install and load in one step" ctl_status 0 install $quick --now --replace "$sample"
check "it is loaded" settled livepatch_sample
check "and on trial" eval "test -e $store/trial/*/livepatch_sample"
check "and the only one" test ! -e $store/"$release"/0002-held_first.ko

must "install a cumulative patch after it" ctl_status 0 install $quick "$cumulative"
must "nothing is loaded, as after a boot" ctl_status 0 unload livepatch_sample
check "status knows which comes first" ctl_status 0 status
expect_match "and what is not loaded for it" "livepatch_sample: superseded: original_cumulative" "$(said)"
must "load at boot" ctl_status 0 boot $quick
check "the cumulative one is loaded" settled original_cumulative
expect_match "and answers" "^all new: " "$(cat /proc/cmdline)"
check "the other one is not" test ! -e $LIVEPATCH/livepatch_sample
check "another boot command" ctl_status 0 boot $quick
check "puts nothing on top of it" test ! -e $LIVEPATCH/livepatch_sample
check "nor does the same file" ctl_status 0 install $quick --now "$sample"
expect_match "which is said" "superseded by original_cumulative" "$(said)"
must "the machine goes down with it" another_boot
must "nothing is loaded any more again" ctl_status 0 unload original_cumulative
check "it is held out" ctl_status 1 boot $quick
check "and the one before it has its turn" settled livepatch_sample
must "try the cumulative one again" ctl_status 0 boot $quick --retry original_cumulative
check "it is loaded" settled original_cumulative
check "and has replaced the other one" test ! -e $LIVEPATCH/livepatch_sample
must "uninstall it, and unload it" ctl_status 0 uninstall --now original_cumulative
check "it is gone" test ! -e /sys/module/original_cumulative
check "and the other one is back" settled livepatch_sample

must "a patch for another kernel" other_release "$sample"
must "can be installed" ctl_status 0 install $quick /tmp/other.ko
check "but not loaded" ctl_status 4 install $quick --now /tmp/other.ko
check "status tells them apart" ctl_status 0 status
expect_match "by the kernel" "installed for kernel 9\..*, which is not running: livepatch_sample" "$(said)"
must "one can be uninstalled alone" ctl_status 0 uninstall --kernel "$release" livepatch_sample
check "and the other stays" ctl_status 0 uninstall livepatch_sample
check "nothing is left" test -z "$(ls $store)" -o "$(ls $store)" = trial

mkdir -p $store/"$release"
echo half >$store/"$release"/0001-broken.ko
check "a damaged file fails the boot" ctl_status 1 boot $quick
expect_match "and is named" "broken: .*0001-broken.ko is no module" "$(said)"

must "unload the patch" ctl_status 0 unload livepatch_sample
rm -rf /tmp/ctl /tmp/other.ko /run/klpctl $store
