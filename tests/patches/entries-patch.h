/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A patch of the functions in entries.h: their files show WORD. Each C file that
 * includes this is a module. The words differ in length, and so do the values
 * that the replacements return.
 */
#include <linux/kobject.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>

#include "entries.h"

/* A separate replacement for each function. */

static int livepatch_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, WORD "\n");
	return 0;
}

#define REPLACEMENT(name)                                                      \
	static ssize_t livepatch_##name(struct kobject *kobj,                  \
					struct kobj_attribute *attr, char *buf) \
	{                                                                      \
		return sysfs_emit(buf, WORD "\n");                             \
	}
#define FOR_EACH_IN_VMLINUX(F)                                                 \
	F(cpu_byteorder_show)                                                  \
	F(address_bits_show)                                                   \
	F(oops_count_show)                                                     \
	F(fscaps_show)                                                         \
	F(rcu_expedited_show)                                                  \
	F(rcu_normal_show)
FOR_EACH_IN_VMLINUX(REPLACEMENT)

#define MODULE_REPLACEMENT(kind) REPLACEMENT(klp_entries_##kind##_show)
FOR_EACH_KIND(MODULE_REPLACEMENT)

#define FUNC(name) { .old_name = #name, .new_func = livepatch_##name },
#define MODULE_FUNC(kind) FUNC(klp_entries_##kind##_show)

static struct klp_func vmlinux_funcs[] = {
	{ .old_name = "version_proc_show", .new_func = livepatch_proc_show },
	{ .old_name = "cmdline_proc_show", .new_func = livepatch_proc_show },
	FOR_EACH_IN_VMLINUX(FUNC)
	{ }
};

static struct klp_func module_funcs[] = {
	FOR_EACH_KIND(MODULE_FUNC)
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = vmlinux_funcs },
	{ .name = "klp_entries", .funcs = module_funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
	.replace = REPLACE,
};

static int __init entries_patch_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit entries_patch_exit(void)
{
}

module_init(entries_patch_init);
module_exit(entries_patch_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
