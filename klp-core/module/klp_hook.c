// SPDX-License-Identifier: GPL-2.0-only
/*
 * Redirects the scheduler's hook, __klp_sched_try_switch(), in transitions of
 * klp-core.
 *
 * The hook is not in klp-core's patch: a task in it would never be safe to
 * switch to that patch, and the hook is for tasks that hardly ever sleep. It
 * need not be: it runs without preemption, so a grace period waits for tasks in
 * it, and either version may be called at any time. The C core's version checks
 * for the C core's functions only, and is skipped while a transition of klp-core
 * runs.
 */
#define pr_fmt(fmt) "livepatch: " fmt

#include <linux/ftrace.h>
#include <linux/livepatch.h>

#include "klp_glue.h"

void __klp_sched_try_switch(void);

static bool klp_is_hooked;

static void notrace hook(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			 struct ftrace_regs *fregs)
{
	if (READ_ONCE(klp_is_hooked))
		ftrace_regs_set_instruction_pointer(fregs, (unsigned long)__klp_sched_try_switch);
}

static struct ftrace_ops klp_hook_ops = {
	.func = hook,
	.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT,
};

/* Called under the core's mutex, with the hook's static key off. */
void klp_hook_scheduler(bool on)
{
	WRITE_ONCE(klp_is_hooked, on);
}

int __init klp_init_hook(void)
{
	unsigned long site = ftrace_location((unsigned long)klp_c_sched_try_switch);
	int err;

	err = site ? ftrace_set_filter_ip(&klp_hook_ops, site, 0, 0) : -ENOENT;
	if (!err)
		err = register_ftrace_function(&klp_hook_ops);
	if (err) {
		pr_err("cannot redirect __klp_sched_try_switch (%d)\n", err);
		ftrace_free_filter(&klp_hook_ops);
	}
	return err;
}

/* Returns when no task is in hook(): ftrace waits for that. */
void klp_end_hook(void)
{
	WARN_ON(unregister_ftrace_function(&klp_hook_ops));
	ftrace_free_filter(&klp_hook_ops);
}
