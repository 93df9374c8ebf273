# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Only what is signed by a key that the kernel trusts is loaded on a kernel that is locked down.

# With lockdown=integrity: only what is signed by a key that the kernel trusts is loaded.
step_lockdown() {
	must "klpctl is installed" packaged klpctl_
	expect_match "the kernel is locked down" "\[integrity\]" "$(cat /sys/kernel/security/lockdown)"
	check "what is not signed is refused" ctl_status 5 load --unchecked $MODULES/steady.ko
	expect_match "before the kernel sees it" "loads signed modules only" "$(said)"
	check "and not kept when it is installed" ctl_status 5 install --now --unchecked $MODULES/steady.ko
	check "really not" test -z "$(find $store -name '*.ko')"
	must "there is a key that the kernel does not know" openssl req -new -x509 -newkey rsa:2048 -nodes -days 10 \
		-subj "/CN=nobody" -outform DER -out /tmp/cert.der -keyout /tmp/key.pem
	must "the patch is signed with it" \
		ctl_status 0 sign --key /tmp/key.pem --cert /tmp/cert.der --output /tmp/signed.ko $MODULES/steady.ko
	check "which is right" ctl_status 0 verify --cert /tmp/cert.der /tmp/signed.ko
	check "but of no use" ctl_status 5 load --unchecked /tmp/signed.ko
	expect_match "for want of the key" "by no key that the kernel trusts|locked down" "$(said)"
	check "nothing is loaded" test -z "$(ls $LIVEPATCH)"

	# The firmware has this one.
	local key=/run/klp/image/key.pem cert=/run/klp/image/key.der
	must "the patch is signed with the owner's key" \
		ctl_status 0 sign --key $key --cert $cert --output /tmp/good.ko $MODULES/steady.ko
	check "which is known without its certificate" ctl_status 0 verify /tmp/good.ko
	expect_match "by its name" "signed by CN=owner" "$(said)"
	check "the other one is not" ctl_status 5 verify /tmp/signed.ko
	must "it is installed and loaded" ctl_status 0 install --now --unchecked /tmp/good.ko
	check "and in effect" grep -qx steady /proc/version
	cp /tmp/good.ko /tmp/bad.ko
	printf 'X' | dd of=/tmp/bad.ko bs=1 seek=4096 conv=notrunc 2>/dev/null
	must "without it" ctl_status 0 unload steady
	check "one that was changed afterwards is refused" ctl_status 5 load --unchecked /tmp/bad.ko
}

# The unit loads it at boot.
step_locked() {
	check "the signed patch was loaded at boot" grep -qx steady /proc/version
	expect_eq "the unit is content" active "$(state klpctl.service)"
}
