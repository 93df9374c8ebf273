// SPDX-License-Identifier: GPL-2.0-only
/*
 * The live patch of the benchmarks: replaces the first `functions` functions of klp_bench_target,
 * and klp_bench_sleep() too if `sleeper` is set.
 *
 * The same patch for higher positions in the stack: klp_bench_second.c, klp_bench_third.c.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ktime.h>
#include <linux/livepatch.h>
#include <linux/module.h>

#include "klp_bench_functions.h"

/* Identifies this patch: klp_bench_000(0) returns -1000 * LAYER. */
#ifndef LAYER
#define LAYER 1
#endif

static unsigned int functions;
module_param(functions, uint, 0444);
MODULE_PARM_DESC(functions, "number of functions to replace, up to 1000");

static bool sleeper;
module_param(sleeper, bool, 0444);
MODULE_PARM_DESC(sleeper, "replace klp_bench_sleep() too");

static bool replace;
module_param(replace, bool, 0444);
MODULE_PARM_DESC(replace, "replace all other patches");

/* CLOCK_MONOTONIC. The time before belongs to the module loader, not to the core. */
static unsigned long long started;
module_param(started, ullong, 0444);
MODULE_PARM_DESC(started, "time of klp_enable_patch(), in nanoseconds");

#define REPLACEMENT(nr)                                                        \
	static int livepatch_bench_##nr(int x)                                 \
	{                                                                      \
		asm volatile("" : "+r"(x));                                    \
		return x - LAYER * 1##nr;                                      \
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

/* klp_bench_patch_init() sets the end according to the parameters. */
static struct klp_func funcs[] = {
	KLP_BENCH_ALL(ENTRY)
	{ }, { }
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

static int __init klp_bench_patch_init(void)
{
	unsigned int count = functions;

	if (count > ARRAY_SIZE(funcs) - 2 || !(count || sleeper))
		return -EINVAL;
	/* Last, so that a stack check compares stacks with all other functions first. */
	if (sleeper)
		funcs[count++] = (struct klp_func){
			.old_name = "klp_bench_sleep",
			.new_func = livepatch_bench_sleep,
		};
	funcs[count] = (struct klp_func){ };
	patch.replace = replace;
	started = ktime_get_ns();
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
