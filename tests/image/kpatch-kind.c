// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch like those of kpatch-build: a section lists functions with the names of their objects, and the module's init
 * function builds the tables of struct klp_object from it.
 */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

struct kpatch_func {
	unsigned long new_addr;
	unsigned long new_size;
	unsigned long old_addr;
	unsigned long old_size;
	unsigned long sympos;
	const char *name;
	const char *objname;
};

static int uptime_show(struct seq_file *m, void *v)
{
	seq_puts(m, "patched by the kind of kpatch\n");
	return 0;
}

static struct kpatch_func kpatch_funcs[] __used __section(".kpatch.funcs") = {
	{
		.new_addr = (unsigned long)uptime_show,
		.new_size = 16,
		.old_size = 16,
		.sympos = 1,
		.name = "uptime_proc_show",
		.objname = "vmlinux",
	},
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.replace = false,
};

static int __init kpatch_kind_init(void)
{
	struct klp_object *objects = kcalloc(2, sizeof(*objects), GFP_KERNEL);
	struct klp_func *funcs = kcalloc(2, sizeof(*funcs), GFP_KERNEL);
	int err = -ENOMEM;

	if (!objects || !funcs)
		goto out;
	funcs[0].old_name = kpatch_funcs[0].name;
	funcs[0].new_func = (void *)kpatch_funcs[0].new_addr;
	funcs[0].old_sympos = kpatch_funcs[0].sympos;
	objects[0].funcs = funcs;
	patch.objs = objects;
	err = klp_enable_patch(&patch);
	if (!err)
		return 0;
out:
	kfree(funcs);
	kfree(objects);
	return err;
}

static void __exit kpatch_kind_exit(void)
{
	kfree(patch.objs[0].funcs);
	kfree(patch.objs);
}

module_init(kpatch_kind_init);
module_exit(kpatch_kind_exit);
MODULE_DESCRIPTION("Another /proc/uptime");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
