// SPDX-License-Identifier: GPL-2.0-only
/* A patch of a function that a kernel thread never leaves. */
#include <linux/livepatch.h>
#include <linux/module.h>

static int never_called(void *node)
{
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "kswapd", .new_func = never_called },
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init stuck_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit stuck_exit(void)
{
}

module_init(stuck_init);
module_exit(stuck_exit);
MODULE_DESCRIPTION("A patch whose transition never ends");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
