// SPDX-License-Identifier: GPL-2.0-only
/*
 * A version of a cumulative patch, named as by `cargo klp build --versioned`. The function prints the module's name,
 * so other versions are copies with another digit.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int version_show(struct seq_file *m, void *v)
{
	seq_puts(m, KBUILD_MODNAME "\n");
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
	.replace = true,
};

static int __init versioned_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit versioned_exit(void)
{
}

module_init(versioned_init);
module_exit(versioned_exit);
MODULE_DESCRIPTION("A version of a cumulative patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_INFO(klp_replace, "Y");
MODULE_INFO(klp_series, "versioned");
MODULE_VERSION("1.1");
