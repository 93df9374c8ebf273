// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of a function that a task waits in, which blocks the transition, and of
 * a module that is unloaded meanwhile.
 */
#include <linux/kobject.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "entries.h"

#define REPLACEMENT(name)                                                      \
	static ssize_t livepatch_##name(struct kobject *kobj,                  \
					struct kobj_attribute *attr, char *buf) \
	{                                                                      \
		return sysfs_emit(buf, "patch\n");                             \
	}
#define MODULE_REPLACEMENT(kind) REPLACEMENT(klp_entries_##kind##_show)
FOR_EACH_KIND(MODULE_REPLACEMENT)
REPLACEMENT(klp_flaws_waiting_show)

#define FUNC(name) { .old_name = #name, .new_func = livepatch_##name },
#define MODULE_FUNC(kind) FUNC(klp_entries_##kind##_show)

static struct klp_func going_funcs[] = {
	FOR_EACH_KIND(MODULE_FUNC)
	{ }
};

static struct klp_func waiting_funcs[] = {
	FUNC(klp_flaws_waiting_show)
	{ }
};

static struct klp_object objects[] = {
	{ .name = "klp_entries", .funcs = going_funcs },
	{ .name = "klp_flaws", .funcs = waiting_funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init flaw_lookup_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit flaw_lookup_exit(void)
{
}

module_init(flaw_lookup_init);
module_exit(flaw_lookup_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
