/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A patch of klp_held_wait() that prints TEXT instead, and waits in the same way. If REPLACE is true, it is cumulative.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "klp_held.h"

static noinline void held_wait(struct seq_file *m)
{
	klp_held_sleep();
	seq_puts(m, TEXT "\n");
}

static struct klp_func funcs[] = {
	{ .old_name = "klp_held_wait", .new_func = held_wait },
	{ }
};

static struct klp_object objects[] = {
	{ .name = "klp_held", .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
	.replace = REPLACE,
};

static int __init held_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit held_exit(void)
{
}

module_init(held_init);
module_exit(held_exit);
MODULE_DESCRIPTION("Says " TEXT);
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
