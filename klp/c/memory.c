// SPDX-License-Identifier: GPL-2.0-only
/* Wrappers of memory allocation, whose functions depend on the kernel version. */
#include <linux/slab.h>

void *klp_c_kmalloc(size_t size, gfp_t flags);
void *klp_c_kmalloc(size_t size, gfp_t flags)
{
	return kmalloc(size, flags);
}

void *klp_c_krealloc(const void *place, size_t size, gfp_t flags);
void *klp_c_krealloc(const void *place, size_t size, gfp_t flags)
{
	return krealloc(place, size, flags);
}
