// SPDX-License-Identifier: GPL-2.0-only
/*
 * A registered patch in C. Its module also enables and disables the patch on a
 * write to its parameter.
 */
#include <linux/module.h>
#include <linux/seq_file.h>

#include <klp_lifecycle.h>

static int version_show(struct seq_file *m, void *v)
{
	seq_puts(m, "patched\n");
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
};

static int set_wanted(const char *value, const struct kernel_param *param)
{
	bool wanted;
	int err = kstrtobool(value, &wanted);

	if (err)
		return err;
	return wanted ? klp_enable_patch(&patch) : klp_disable_patch(&patch);
}

static const struct kernel_param_ops wanted_ops = { .set = set_wanted };
module_param_cb(wanted, &wanted_ops, NULL, 0200);
MODULE_PARM_DESC(wanted, "enables or disables the patch");

static int __init lifecycle_in_c_init(void)
{
	return klp_register_patch(&patch);
}

static void __exit lifecycle_in_c_exit(void)
{
	WARN_ON(klp_unregister_patch(&patch));
}

module_init(lifecycle_in_c_init);
module_exit(lifecycle_in_c_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
