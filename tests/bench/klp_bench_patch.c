// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live patch of the benchmarks: replaces the first functions of klp_bench_target, as many
 * as `functions` says, and klp_bench_sleep() too when `sleeper` is set.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>

#include "klp_bench_functions.h"

static unsigned int functions = 1;
module_param(functions, uint, 0444);
MODULE_PARM_DESC(functions, "how many functions to replace, up to 1000");

static bool sleeper;
module_param(sleeper, bool, 0444);
MODULE_PARM_DESC(sleeper, "replace klp_bench_sleep() too");

#define REPLACEMENT(nr)                                                        \
	static int livepatch_bench_##nr(int x)                                 \
	{                                                                      \
		asm volatile("" : "+r"(x));                                    \
		return x - 1##nr;                                              \
	}
KLP_BENCH_ALL(REPLACEMENT)

static int livepatch_bench_sleep(unsigned int ms)
{
	return 1;
}

#define ENTRY(nr)                                                              \
	{                                                                      \
		.old_name = "klp_bench_" #nr,                                  \
		.new_func = livepatch_bench_##nr,                              \
	},

/* The first is left out, and the end is set, as the parameters say. */
static struct klp_func funcs[] = {
	{
		.old_name = "klp_bench_sleep",
		.new_func = livepatch_bench_sleep,
	},
	KLP_BENCH_ALL(ENTRY)
	{ }
};

static struct klp_object objs[] = {
	{
		.name = "klp_bench_target",
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init klp_bench_patch_init(void)
{
	if (functions >= ARRAY_SIZE(funcs) - 1 || !(functions || sleeper))
		return -EINVAL;
	funcs[functions + 1] = (struct klp_func){ };
	objs[0].funcs = sleeper ? funcs : funcs + 1;
	return klp_enable_patch(&patch);
}

static void __exit klp_bench_patch_exit(void)
{
}

module_init(klp_bench_patch_init);
module_exit(klp_bench_patch_exit);
MODULE_DESCRIPTION("Live patch for benchmarks");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
