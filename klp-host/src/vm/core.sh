# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# In a guest with klp-core as a module, before the command: loads it, and waits until it has the live patches.

# Parameters of the built-in core stand on the kernel's command line.
read -ra words </proc/cmdline
words=("${words[@]/#livepatch./@}")
parameters=()
for word in "${words[@]}"; do
	[[ $word != @* ]] || parameters+=("${word#@}")
done
insmod /klp/klp-core.ko "${parameters[@]}" || exit
unset word words parameters
for _ in $(seq 600); do
	[ "$(cat /sys/kernel/livepatch/klp_core/transition)" = 0 ] && break
	sleep 0.1
done
[ "$(cat /sys/kernel/livepatch/klp_core/transition)" = 0 ] || {
	echo "klp-core does not come to have the live patches"
	exit 1
}

