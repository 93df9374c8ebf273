// SPDX-License-Identifier: GPL-2.0-only
/*
 * A replacement with a tail call of a helper, which compilers make a jump: the
 * helper sleeps without the replacement on the stack.
 */
#include <linux/delay.h>
#include <linux/kobject.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sysfs.h>

static noinline ssize_t helper(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	msleep(8000);
	return sysfs_emit(buf, "helper\n");
}

static ssize_t function_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	__attribute__((musttail)) return helper(kobj, attr, buf);
}

static struct klp_func funcs[] = {
	{ .old_name = "klp_entries_function_show", .new_func = function_show },
	{ }
};

static struct klp_object objects[] = {
	{ .name = "klp_entries", .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init flaw_helper_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit flaw_helper_exit(void)
{
}

module_init(flaw_helper_init);
module_exit(flaw_helper_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
