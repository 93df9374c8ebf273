# SPDX-License-Identifier: GPL-2.0-only
# A patch that uses a static function and static data of vmlinux.

. /klp/vm/lib.sh

version=$(cat /proc/version)

for round in first second; do
	must "$round load" load livepatch-symbols
	expect_eq "$round: static data is read" "taint $(cat /proc/sys/kernel/tainted)" \
		"$(sed -n 1p /proc/version)"
	expect_match "$round: a static function is called" \
		"^load [0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2} [0-9]+\.[0-9]{2} [0-9]+/[0-9]+ [0-9]+\$" \
		"$(sed -n 2p /proc/version)"
	expect_eq "$round: nothing else" 2 "$(wc -l </proc/version)"
	must "$round remove" remove_patch livepatch-symbols
	expect_eq "$round: /proc/version is back" "$version" "$(cat /proc/version)"
done
