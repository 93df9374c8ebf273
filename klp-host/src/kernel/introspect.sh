# SPDX-License-Identifier: GPL-2.0-only
#
# Runs in the guest: what the kernel says of its functions, packed, since the port is slow.

set -eo pipefail
{
	cat /proc/kallsyms
	echo @traceable
	cat /sys/kernel/tracing/available_filter_functions
	echo @sites
	cat /sys/kernel/tracing/available_filter_functions_addrs 2>/dev/null || :
} | gzip -1
