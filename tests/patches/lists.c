// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cumulative patch whose callbacks walk its objects and functions by the macros
 * of linux/livepatch.h, and log them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static struct klp_patch patch;

static int version_show(struct seq_file *m, void *v)
{
	seq_puts(m, "lists\n");
	return 0;
}

static void tell(const char *when)
{
	struct klp_patch *own = &patch;
	struct klp_object *obj;
	struct klp_func *func;

	klp_for_each_object(own, obj) {
		klp_for_each_func(obj, func)
			pr_info("%s: %s %s,%lu at %ps (%d bytes) to %ps (%d bytes)%s%s%s\n", when,
				obj->name ? obj->name : "vmlinux", func->old_name,
				func->old_sympos, func->old_func, func->old_size > 0,
				func->new_func, func->new_size > 0,
				func->nop ? " nop" : "", func->patched ? " patched" : "",
				func->transition ? " transition" : "");
	}
}

static int before_patch(struct klp_object *object)
{
	tell("pre_patch");
	return 0;
}

static void after_patch(struct klp_object *object)
{
	tell("post_patch");
}

static void before_unpatch(struct klp_object *object)
{
	tell("pre_unpatch");
}

static void after_unpatch(struct klp_object *object)
{
	tell("post_unpatch");
}

static struct klp_func funcs[] = {
	{ .old_name = "version_proc_show", .new_func = version_show },
	{ }
};

static struct klp_object objects[] = {
	{
		.funcs = funcs,
		.callbacks = {
			.pre_patch = before_patch,
			.post_patch = after_patch,
			.pre_unpatch = before_unpatch,
			.post_unpatch = after_unpatch,
		},
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
	.replace = true,
};

static int __init lists_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit lists_exit(void)
{
}

module_init(lists_init);
module_exit(lists_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
