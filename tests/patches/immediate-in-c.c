// SPDX-License-Identifier: GPL-2.0-only
/*
 * An immediate patch of a function that a task waits in. Its module stays loaded.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include <klp_lifecycle.h>

static ssize_t waiting_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "patched\n");
}

static struct klp_func funcs[] = {
	{ .old_name = "klp_flaws_waiting_show", .new_func = waiting_show },
	{ }
};

static struct klp_object objects[] = {
	{ .name = "klp_flaws", .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
	KLP_PATCH_IMMEDIATE,
};

static int __init immediate_in_c_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit immediate_in_c_exit(void)
{
}

module_init(immediate_in_c_init);
module_exit(immediate_in_c_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
