// SPDX-License-Identifier: GPL-2.0-only
/* A harmless patch. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int version_show(struct seq_file *m, void *v)
{
	seq_puts(m, "steady\n");
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

static int __init steady_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit steady_exit(void)
{
}

module_init(steady_init);
module_exit(steady_exit);
MODULE_DESCRIPTION("Another /proc/version");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
MODULE_INFO(fixes, "CVE-2026-0001");
MODULE_INFO(url, "https://example.org/CVE-2026-0001");
/* The tests change it, to tell two versions apart. */
MODULE_VERSION("1.0");
