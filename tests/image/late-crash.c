// SPDX-License-Identifier: GPL-2.0-only
/* A patch that crashes the machine two seconds after it was loaded. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/workqueue.h>

static void crash(struct work_struct *work)
{
	panic("late-crash: intended by the test");
}

static DECLARE_DELAYED_WORK(crash_work, crash);

static int loadavg_show(struct seq_file *m, void *v)
{
	seq_puts(m, "0\n");
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "loadavg_proc_show", .new_func = loadavg_show },
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init late_crash_init(void)
{
	int err = klp_enable_patch(&patch);

	if (!err)
		schedule_delayed_work(&crash_work, 2 * HZ);
	return err;
}

static void __exit late_crash_exit(void)
{
	cancel_delayed_work_sync(&crash_work);
}

module_init(late_crash_init);
module_exit(late_crash_exit);
MODULE_DESCRIPTION("Crashes the machine two seconds after it was loaded");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
