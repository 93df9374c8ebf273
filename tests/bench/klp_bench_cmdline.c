// SPDX-License-Identifier: GPL-2.0-only
/*
 * The example livepatch-sample in C, to compare the size of the modules.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int livepatch_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "this has been live patched\n");
	return 0;
}

static struct klp_func funcs[] = {
	{
		.old_name = "cmdline_proc_show",
		.new_func = livepatch_cmdline_proc_show,
	},
	{ }
};

static struct klp_object objs[] = {
	{
		/* name being NULL means vmlinux */
		.funcs = funcs,
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init klp_bench_cmdline_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit klp_bench_cmdline_exit(void)
{
}

module_init(klp_bench_cmdline_init);
module_exit(klp_bench_cmdline_exit);
MODULE_DESCRIPTION("Live patch for the size of modules");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
