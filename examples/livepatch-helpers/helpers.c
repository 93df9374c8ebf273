// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrappers of macros and inline functions of the kernel that the patch uses.
 */
#include <linux/cpumask.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

unsigned int helpers_online(void)
{
	return num_online_cpus();
}

/* The number of kernel threads. */
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
