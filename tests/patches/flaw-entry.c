// SPDX-License-Identifier: GPL-2.0-only
/*
 * A replacement that sleeps. A task that is preempted on the way into it must not
 * wake in freed memory after the patch is gone.
 */
#include <linux/delay.h>
#include <linux/kobject.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sysfs.h>

static ssize_t entered_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	msleep(8000);
	return sysfs_emit(buf, "patch\n");
}

static struct klp_func funcs[] = {
	{ .old_name = "klp_flaws_entered_show", .new_func = entered_show },
	{ }
};

static struct klp_object objects[] = {
	{ .name = "klp_flaws", .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init flaw_entry_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit flaw_entry_exit(void)
{
}

module_init(flaw_entry_init);
module_exit(flaw_entry_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
