// SPDX-License-Identifier: GPL-2.0-only
/*
 * The smallest live patch of klp_bench_target: loading it costs little compared with the
 * transition.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>

static int livepatch_bench_sleep(unsigned int ms)
{
	return 1;
}

static struct klp_func funcs[] = {
	{
		.old_name = "klp_bench_sleep",
		.new_func = livepatch_bench_sleep,
	},
	{ }
};

static struct klp_object objs[] = {
	{
		.name = "klp_bench_target",
		.funcs = funcs,
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init klp_bench_one_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit klp_bench_one_exit(void)
{
}

module_init(klp_bench_one_init);
module_exit(klp_bench_one_exit);
MODULE_DESCRIPTION("Small live patch for benchmarks");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
