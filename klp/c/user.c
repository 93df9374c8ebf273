// SPDX-License-Identifier: GPL-2.0-only
/* Wrappers for access to user memory. */
#include <linux/uaccess.h>

unsigned long klp_c_copy_from_user(void *to, const void __user *from,
				   unsigned long length);
unsigned long klp_c_copy_from_user(void *to, const void __user *from,
				   unsigned long length)
{
	return copy_from_user(to, from, length);
}

unsigned long klp_c_copy_to_user(void __user *to, const void *from,
				 unsigned long length);
unsigned long klp_c_copy_to_user(void __user *to, const void *from,
				 unsigned long length)
{
	return copy_to_user(to, from, length);
}
