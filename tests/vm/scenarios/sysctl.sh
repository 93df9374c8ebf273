# SPDX-License-Identifier: GPL-2.0-only
# The types for files of /proc/sys: a handler reads and writes numbers as the kernel's does.

. /klp/vm/lib.sh

file=/proc/sys/kernel/dmesg_restrict
before=$(cat $file)

write() {
	echo "$1" >$file
}

must "load" load sysctl
for value in 1 0; do
	mark_log
	check "$value is written" write $value
	expect_eq "$value is read" $value "$(cat $file)"
	expect_match "the length and the position are those of the write" '^sysctl: 2 bytes at 0$' "$(log_since)"
done
for wrong in 2 -1 word; do
	expect_match "$wrong is refused" "Invalid argument" "$(write $wrong 2>&1)"
done
expect_eq "nothing was written by these" 0 "$(cat $file)"
must "remove" remove_patch sysctl
write "$before"
