// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with functions for live patches and other ftrace users, each with a
 * file in /sys/kernel/klp_entries. The patches entries-* replace them.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "entries.h"

#define ENTRY(kind)                                                            \
	static ssize_t klp_entries_##kind##_show(struct kobject *kobj,         \
						 struct kobj_attribute *attr,  \
						 char *buf)                    \
	{                                                                      \
		return sysfs_emit(buf, "module\n");                            \
	}                                                                      \
	static struct kobj_attribute kind##_attr =                             \
		__ATTR(kind, 0444, klp_entries_##kind##_show, NULL);
FOR_EACH_KIND(ENTRY)

#define ATTRIBUTE(kind) &kind##_attr.attr,
static struct attribute *attributes[] = {
	FOR_EACH_KIND(ATTRIBUTE)
	NULL
};

static const struct attribute_group group = {
	.name = "klp_entries",
	.attrs = attributes,
};

static int __init klp_entries_init(void)
{
	return sysfs_create_group(kernel_kobj, &group);
}

static void __exit klp_entries_exit(void)
{
	sysfs_remove_group(kernel_kobj, &group);
}

module_init(klp_entries_init);
module_exit(klp_entries_exit);
MODULE_DESCRIPTION("Target of the patches entries-*");
MODULE_LICENSE("GPL");
