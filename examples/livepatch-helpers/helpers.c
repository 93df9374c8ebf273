// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the patch uses of the kernel that only C has: macros and inline functions.
 */
#include <linux/cpumask.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

unsigned int helpers_online(void)
{
	return num_online_cpus();
}

/* How many kernel threads there are. */
unsigned int helpers_kthreads(void)
{
	struct task_struct *task;
	unsigned int count = 0;

	rcu_read_lock();
	for_each_process(task)
		count += !!(task->flags & PF_KTHREAD);
	rcu_read_unlock();
	return count;
}

bool helpers_overflowed(struct seq_file *m)
{
	return seq_has_overflowed(m);
}
