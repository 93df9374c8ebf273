# SPDX-License-Identifier: GPL-2.0-only
# A script may disable a patch, wait until its folder is gone, and unload its module at once.

. /klp/vm/lib.sh

folder=$LIVEPATCH/livepatch_sample

# unload_at_once - unloads without waiting for the use count.
unload_at_once() {
	echo 0 >$folder/enabled || return
	while [ -e $folder ]; do :; done
	rmmod livepatch_sample
}

for round in 1 2 3 4 5 6 7 8 9 10; do
	must "load, round $round" load livepatch-sample
	check "unload as soon as the folder is gone, round $round" unload_at_once ||
		must "unload later, round $round" unload livepatch-sample
done
