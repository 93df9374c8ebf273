// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of one function by two of its names: a system call without arguments
 * has several. It has two replacements then; the later one is on top.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

static long first_getpid(void)
{
	return 11;
}

static long second_getpid(void)
{
	return 22;
}

static struct klp_func funcs[] = {
	{ .old_name = "__x64_sys_getpid", .new_func = first_getpid },
	{ .old_name = "__do_sys_getpid", .new_func = second_getpid },
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

static int __init two_names_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit two_names_exit(void)
{
}

module_init(two_names_init);
module_exit(two_names_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
