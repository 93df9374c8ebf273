# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A locked-down kernel loads only modules that are signed by a key that it trusts.

# With lockdown=integrity.
step_lockdown() {
	must "klpctl is installed" packaged klpctl_
	expect_match "the kernel is locked down" "\[integrity\]" "$(cat /sys/kernel/security/lockdown)"
	check "an unsigned module is refused" ctl_status 5 load --unchecked $MODULES/steady.ko
	expect_match "klpctl refuses it before the kernel does" "loads signed modules only" "$(said)"
	check "an unsigned module cannot be installed" ctl_status 5 install --now --unchecked $MODULES/steady.ko
	check "no module is kept" test -z "$(find $store -name '*.ko')"
	must "an untrusted key is made" openssl req -new -x509 -newkey rsa:2048 -nodes -days 10 \
		-subj "/CN=nobody" -outform DER -out /tmp/cert.der -keyout /tmp/key.pem
	must "the patch is signed with the untrusted key" \
		ctl_status 0 sign --key /tmp/key.pem --cert /tmp/cert.der --output /tmp/signed.ko $MODULES/steady.ko
	check "the signature is valid" ctl_status 0 verify --cert /tmp/cert.der /tmp/signed.ko
	check "the module with the untrusted signature is refused" ctl_status 5 load --unchecked /tmp/signed.ko
	expect_match "the untrusted key is reported" "not by a key that the kernel trusts|locked down" "$(said)"
	check "nothing is loaded" test -z "$(ls $LIVEPATCH)"

	# The firmware has this key.
	local key=/run/klp/image/key.pem cert=/run/klp/image/key.der
	must "the patch is signed with the owner's key" \
		ctl_status 0 sign --key $key --cert $cert --output /tmp/good.ko $MODULES/steady.ko
	check "the owner's signature is valid without a certificate file" ctl_status 0 verify /tmp/good.ko
	expect_match "the owner's name is shown" "signed by CN=owner" "$(said)"
	check "the untrusted signature is not valid" ctl_status 5 verify /tmp/signed.ko
	must "the module with the owner's signature is installed and loaded" ctl_status 0 install --now --unchecked /tmp/good.ko
	check "the patch is in effect" grep -qx steady /proc/version
	cp /tmp/good.ko /tmp/bad.ko
	printf 'X' | dd of=/tmp/bad.ko bs=1 seek=4096 conv=notrunc 2>/dev/null
	must "the patch is unloaded" ctl_status 0 unload steady
	check "a module modified after signing is refused" ctl_status 5 load --unchecked /tmp/bad.ko
}

# The unit loads the signed patch at boot.
step_locked() {
	check "the signed patch was loaded at boot" grep -qx steady /proc/version
	expect_eq "the unit succeeded" active "$(state klpctl.service)"
}
