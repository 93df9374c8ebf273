// SPDX-License-Identifier: GPL-2.0-only
/*
 * A live patch in C with a mistake: the replaced function's first argument is
 * a pointer, and the replacement's an int. The compiler says nothing, because
 * the table of functions holds void pointers.
 *
 * It is only built, never loaded. The same mistake in Rust, which does not
 * build, is in ../fail/integer_for_pointer.rs.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

static int wrong_cmdline_proc_show(int m, void *v)
{
	return m;
}

static struct klp_func functions[] = {
	{
		.old_name = "cmdline_proc_show",
		.new_func = wrong_cmdline_proc_show,
	},
	{ }
};

static struct klp_object objects[] = {
	{
		.funcs = functions,
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init klp_wrong_type_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit klp_wrong_type_exit(void)
{
}

module_init(klp_wrong_type_init);
module_exit(klp_wrong_type_exit);
MODULE_DESCRIPTION("A live patch with a wrong type, which the C compiler accepts");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
