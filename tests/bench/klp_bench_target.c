// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions that the benchmarks patch: a thousand, klp_bench_000 to klp_bench_999, and
 * klp_bench_sleep().
 *
 * Reading /proc/klp_bench_calls calls klp_bench_000() many times and prints how long that took,
 * and the result of klp_bench_000(0), which shows the function that was called.
 * Reading /proc/klp_bench_sleep sleeps in klp_bench_sleep(), and then does the same: a task that
 * could not switch because of that sleep has not switched yet.
 * /proc/klp_bench_reads and /proc/klp_bench_ignores do the same for klp_bench_reads() and
 * klp_bench_ignores(): the replacement of the first reads a member of the structure.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/array_size.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/time64.h>

#include "klp_bench_functions.h"

/* Few enough to run with interrupts disabled. */
#define CALLS 100000

static unsigned int sleep_ms = 1000;
module_param(sleep_ms, uint, 0644);
MODULE_PARM_DESC(sleep_ms, "how long klp_bench_sleep() sleeps, in milliseconds");

/* The empty statement keeps the compiler from merging calls. */
#define FUNCTION(nr)                                                           \
	noinline int klp_bench_##nr(int x);                                    \
	noinline int klp_bench_##nr(int x)                                     \
	{                                                                      \
		asm volatile("" : "+r"(x));                                    \
		return x + 1##nr;                                              \
	}
KLP_BENCH_ALL(FUNCTION)

noinline int klp_bench_sleep(unsigned int ms);
noinline int klp_bench_sleep(unsigned int ms)
{
	long left = msecs_to_jiffies(ms);

	/* TASK_IDLE is neither interrupted by signals nor reported as hung. */
	while (left) {
		set_current_state(TASK_IDLE);
		left = schedule_timeout(left);
	}
	return 0;
}

#define WITH_STRUCTURE(name)                                                   \
	noinline int klp_bench_##name(const struct timespec64 *time, int x);   \
	noinline int klp_bench_##name(const struct timespec64 *time, int x)    \
	{                                                                      \
		asm volatile("" : "+r"(time), "+r"(x));                        \
		return x + 1000;                                               \
	}
WITH_STRUCTURE(reads)
WITH_STRUCTURE(ignores)

static const struct timespec64 structure = { .tv_sec = 1 };

/* Measures the time of `call`, an expression of `i`. */
#define MEASURE(name, call)                                                    \
	static void name(struct seq_file *m)                                   \
	{                                                                      \
		unsigned long flags;                                           \
		u64 start, took;                                               \
		int i, sum = 0;                                                \
									       \
		local_irq_save(flags);                                         \
		start = ktime_get_ns();                                        \
		for (i = 0; i < CALLS; i++)                                    \
			sum += call;                                           \
		took = ktime_get_ns() - start;                                 \
		local_irq_restore(flags);                                      \
		i = 0;                                                         \
		seq_printf(m, "%d calls %llu ns result %d sum %d\n", CALLS,    \
			   took, call, sum);                                   \
	}
MEASURE(calls, klp_bench_000(i))
MEASURE(reads, klp_bench_reads(&structure, i))
MEASURE(ignores, klp_bench_ignores(&structure, i))

static int sleep_show(struct seq_file *m, void *v)
{
	if (klp_bench_sleep(sleep_ms))
		return -EAGAIN;
	calls(m);
	return 0;
}

#define SHOW(name)                                                             \
	static int name##_show(struct seq_file *m, void *v)                    \
	{                                                                      \
		name(m);                                                       \
		return 0;                                                      \
	}
SHOW(calls)
SHOW(reads)
SHOW(ignores)

static const struct {
	const char *name;
	int (*show)(struct seq_file *m, void *v);
} files[] = {
	{ "klp_bench_calls", calls_show },
	{ "klp_bench_sleep", sleep_show },
	{ "klp_bench_reads", reads_show },
	{ "klp_bench_ignores", ignores_show },
};

static void remove_files(unsigned int count)
{
	while (count--)
		remove_proc_entry(files[count].name, NULL);
}

static int __init klp_bench_target_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (!proc_create_single(files[i].name, 0400, NULL, files[i].show)) {
			remove_files(i);
			return -ENOMEM;
		}
	}
	return 0;
}

static void __exit klp_bench_target_exit(void)
{
	remove_files(ARRAY_SIZE(files));
}

module_init(klp_bench_target_init);
module_exit(klp_bench_target_exit);
MODULE_DESCRIPTION("Functions for the livepatch benchmarks to patch");
MODULE_LICENSE("GPL");
