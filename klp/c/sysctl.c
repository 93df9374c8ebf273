// SPDX-License-Identifier: GPL-2.0-only
/* Wrappers of sysctl handlers. Older kernels take a table that is not const, and may write to it. */
#include <linux/sysctl.h>

int klp_c_proc_dointvec(const struct ctl_table *table, int write, void *buffer,
			size_t *length, loff_t *position);
int klp_c_proc_dointvec(const struct ctl_table *table, int write, void *buffer,
			size_t *length, loff_t *position)
{
	return proc_dointvec((struct ctl_table *)table, write, buffer, length,
			     position);
}

int klp_c_proc_dointvec_minmax(const struct ctl_table *table, int write,
			       void *buffer, size_t *length, loff_t *position);
int klp_c_proc_dointvec_minmax(const struct ctl_table *table, int write,
			       void *buffer, size_t *length, loff_t *position)
{
	return proc_dointvec_minmax((struct ctl_table *)table, write, buffer,
				    length, position);
}
