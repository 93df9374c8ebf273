// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of a module, with a relocation, that refuses the module while the
 * parameter `refuse` is set.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "livepatch-symbol.h"

LIVEPATCH_SYMBOL("klp_vault", "cents", int vault_cents(int whole));

/* `cargo klp link` sets it to 0. */
static volatile u8 unlinked __section(".klp.unlinked") = 1;

static bool refuse = true;
module_param(refuse, bool, 0644);
MODULE_PARM_DESC(refuse, "refuse the module");

static int refuse_target(struct klp_object *object)
{
	return refuse ? -EBUSY : 0;
}

static int vault_show(struct seq_file *m, void *v)
{
	seq_printf(m, "patched %d\n", vault_cents(1));
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "vault_show", .new_func = vault_show },
	{ }
};

static struct klp_object objects[] = {
	{
		.name = "klp_vault",
		.funcs = funcs,
		.callbacks.pre_patch = refuse_target,
	},
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init flaw_refused_init(void)
{
	if (unlinked) {
		pr_err("its livepatch symbols are not linked: run cargo klp link\n");
		return -ENOEXEC;
	}
	return klp_enable_patch(&patch);
}

static void __exit flaw_refused_exit(void)
{
}

module_init(flaw_refused_init);
module_exit(flaw_refused_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
