// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of one function by two of its names, with two replacements. The later
 * one is on top.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int first_show(struct seq_file *m, void *v)
{
	seq_puts(m, "first\n");
	return 0;
}

static int second_show(struct seq_file *m, void *v)
{
	seq_puts(m, "second\n");
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "vault_show", .new_func = first_show },
	{ .old_name = "vault_view", .new_func = second_show },
	{ }
};

static struct klp_object objects[] = {
	{ .name = "klp_vault", .funcs = funcs },
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
