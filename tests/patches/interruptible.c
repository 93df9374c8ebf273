// SPDX-License-Identifier: GPL-2.0-only
/*
 * A replacement that sleeps for three seconds, or until a signal arrives, and
 * prints which happened.
 */
#include <linux/delay.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int version_show(struct seq_file *m, void *v)
{
	unsigned long left = msleep_interruptible(3000);

	seq_puts(m, left ? "interrupted\n" : "slept\n");
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "version_proc_show", .new_func = version_show },
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

static int __init interruptible_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit interruptible_exit(void)
{
}

module_init(interruptible_init);
module_exit(interruptible_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
