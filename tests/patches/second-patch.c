// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that enables a second patch, which the kernel refuses: a module has
 * only one folder in sysfs. The first one stays enabled.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>

static int version_show(struct seq_file *m, void *v)
{
	seq_puts(m, "the first patch\n");
	return 0;
}

static struct klp_func first_funcs[] = {
	{ .old_name = "version_proc_show", .new_func = version_show },
	{ }
};

static struct klp_object first_objects[] = {
	{ .funcs = first_funcs },
	{ }
};

static struct klp_patch first = {
	.mod = THIS_MODULE,
	.objs = first_objects,
};

static struct klp_func second_funcs[] = {
	{ .old_name = "cmdline_proc_show", .new_func = version_show },
	{ }
};

static struct klp_object second_objects[] = {
	{ .funcs = second_funcs },
	{ }
};

static struct klp_patch second = {
	.mod = THIS_MODULE,
	.objs = second_objects,
};

static int __init second_patch_init(void)
{
	unsigned int tries;
	int err = klp_enable_patch(&first);

	if (err)
		return err;
	/* The log has the same order each time if the transition ends before; this task's state is -1 then. */
	for (tries = 0; tries < 6000 && current->patch_state != -1; tries++)
		msleep(10);
	pr_info("second patch: %d\n", klp_enable_patch(&second));
	return 0;
}

static void __exit second_patch_exit(void)
{
}

module_init(second_patch_init);
module_exit(second_patch_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
