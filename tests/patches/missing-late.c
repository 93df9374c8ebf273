// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch of a module with two relocation sections: the symbols of the first
 * exist, one of the second does not. The module is refused.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "livepatch-symbol.h"

LIVEPATCH_SYMBOL("klp_vault", "cents", int vault_cents(int whole));
LIVEPATCH_SYMBOL("klp_vault", "klp_test_no_such_variable", int vault_missing);

/* `cargo klp link` sets it to 0. */
static volatile u8 unlinked __section(".klp.unlinked") = 1;

/* In .data, whose relocations come after those of .text. */
static int *volatile missing = &vault_missing;

static int vault_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%d of %d\n", *missing, vault_cents(1));
	return 0;
}

static struct klp_func funcs[] = {
	{ .old_name = "vault_show", .new_func = vault_show },
	{ }
};

static struct klp_object objects[] = {
	{ .name = "klp_vault", .funcs = funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init missing_late_init(void)
{
	if (unlinked) {
		pr_err("its livepatch symbols are not linked: run cargo klp link\n");
		return -ENOEXEC;
	}
	return klp_enable_patch(&patch);
}

static void __exit missing_late_exit(void)
{
}

module_init(missing_late_init);
module_exit(missing_late_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
