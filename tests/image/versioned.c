// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cumulative patch, of which the tests build packages in several versions. Version 1.3 crashes the machine two seconds
 * after it was loaded.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/workqueue.h>

static void crash(struct work_struct *work)
{
	panic("late-crash: intended by the test");
}

static DECLARE_DELAYED_WORK(crash_work, crash);

static int version_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%s\n", THIS_MODULE->name);
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "version_proc_show", .new_func = version_show },
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
	.replace = true,
};

static int __init versioned_init(void)
{
	int err = klp_enable_patch(&patch);

	if (!err && !strcmp(THIS_MODULE->name, "versioned_1_3"))
		schedule_delayed_work(&crash_work, 2 * HZ);
	return err;
}

static void __exit versioned_exit(void)
{
	cancel_delayed_work_sync(&crash_work);
}

module_init(versioned_init);
module_exit(versioned_exit);
MODULE_DESCRIPTION("Another /proc/version, with the version of the patch");
MODULE_AUTHOR("Jane Doe <jane@example.org>");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_INFO(klp_replace, "Y");
MODULE_INFO(fixes, "CVE-2026-0002");
/* The tests change the digits. */
MODULE_VERSION("1.0");
