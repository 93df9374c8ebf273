// SPDX-License-Identifier: GPL-2.0-only
/*
 * Log lines that dynamic debug turns on, by file and function. Scripts rely on
 * them, and on the name klp_try_switch_task, so they must not change.
 */
/* The name of the built-in core. */
#define pr_fmt(fmt) "livepatch: " fmt

#include <linux/bug.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "klp_glue.h"

static const char *direction(bool patching)
{
	return patching ? "patching" : "unpatching";
}

void klp_debug_initializing(const char *patch, bool patching)
{
	pr_debug("'%s': initializing %s transition\n", patch, direction(patching));
}

void klp_debug_canceling(const char *patch)
{
	pr_debug("'%s': canceling patching transition, going to unpatch\n", patch);
}

void klp_debug_completing(const char *patch, bool patching)
{
	pr_debug("'%s': completing %s transition\n", patch, direction(patching));
}

void klp_debug_reversing(const char *patch, bool patching)
{
	pr_debug("'%s': reversing transition from %s to %s\n", patch,
		 direction(patching), direction(!patching));
}

void klp_try_switch_task(struct task_struct *task, int why, const char *function)
{
	switch (why) {
	case -EBUSY:
		pr_debug("%s: %s:%d is running\n", __func__, task->comm, task->pid);
		break;
	case -EINVAL:
		pr_debug("%s: %s:%d has an unreliable stack\n", __func__, task->comm,
			 task->pid);
		break;
	default:
		pr_debug("%s: %s:%d is sleeping on function %s\n", __func__, task->comm,
			 task->pid, function);
	}
}

void klp_report_blocker(struct task_struct *task, int why, const char *function)
{
	switch (why) {
	case -EBUSY:
		pr_notice("%s:%d is running\n", task->comm, task->pid);
		break;
	case -EINVAL:
		pr_notice("%s:%d has an unreliable stack\n", task->comm, task->pid);
		break;
	default:
		pr_notice("%s:%d is sleeping on function %s\n", task->comm, task->pid, function);
	}
}

void klp_bug(const char *what)
{
	WARN_ONCE(1, "livepatch: %s\n", what);
}
