// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module that is patched. /proc/klp_cmp shows which code its functions
 * have; a task that reads /proc/klp_cmp_sleep sleeps in one until it is killed.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>

#include "target.h"

static noinline void klp_cmp_value(struct seq_file *m)
{
	seq_puts(m, "value: original\n");
}

static noinline void klp_cmp_other(struct seq_file *m)
{
	seq_puts(m, "other: original\n");
}

static noinline notrace void klp_cmp_untraced(struct seq_file *m)
{
	seq_puts(m, "untraced: original\n");
}

static int klp_cmp_show(struct seq_file *m, void *v)
{
	klp_cmp_value(m);
	klp_cmp_other(m);
	klp_cmp_untraced(m);
	klp_cmp_first(m);
	klp_cmp_second(m);
	return 0;
}

/* Sleeps on after a fake signal. The module stays loaded meanwhile. */
static noinline int klp_cmp_sleep(struct seq_file *m, void *v)
{
	__module_get(THIS_MODULE);
	while (!fatal_signal_pending(current))
		schedule_timeout_killable(HZ);
	module_put(THIS_MODULE);
	return -EINTR;
}

static int __init klp_cmp_target_init(void)
{
	if (!proc_create_single("klp_cmp", 0, NULL, klp_cmp_show) ||
	    !proc_create_single("klp_cmp_sleep", 0, NULL, klp_cmp_sleep)) {
		remove_proc_subtree("klp_cmp", NULL);
		return -ENOMEM;
	}
	return 0;
}

static void __exit klp_cmp_target_exit(void)
{
	remove_proc_entry("klp_cmp_sleep", NULL);
	remove_proc_entry("klp_cmp", NULL);
}

module_init(klp_cmp_target_init);
module_exit(klp_cmp_target_exit);
MODULE_DESCRIPTION("Livepatch comparison: the module that is patched");
MODULE_LICENSE("GPL");
