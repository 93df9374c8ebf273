// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch in C that calls static functions and reads static data: of vmlinux,
 * and of a module that may be loaded later.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "livepatch-symbol.h"

LIVEPATCH_SYMBOL("vmlinux", "cmdline_proc_show", int cmdline_show(struct seq_file *m, void *v));
LIVEPATCH_SYMBOL("vmlinux", "sysctl_vfs_cache_pressure", int cache_pressure);
LIVEPATCH_SYMBOL("klp_vault", "cents", int vault_cents(int whole));
LIVEPATCH_SYMBOL("klp_vault", "coins", int vault_coins);

/* `cargo klp link` sets it to 0. */
static volatile u8 unlinked __section(".klp.unlinked") = 1;

/* NULL while klp_vault is not loaded: the relocation is cleared. */
static int *volatile coins = &vault_coins;

static int version_show(struct seq_file *m, void *v)
{
	int *there = coins;
	int err;

	seq_printf(m, "cache pressure %d\n", cache_pressure);
	/* The address needs another kind of relocation than the call. */
	seq_printf(m, "by %ps: ", cmdline_show);
	err = cmdline_show(m, v);
	if (there)
		seq_printf(m, "a vault of %d\n", *there);
	else
		seq_puts(m, "no vault\n");
	return err;
}

static int vault_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%d coins, %d cents\n", vault_coins, vault_cents(vault_coins));
	return 0;
}

static struct klp_func vmlinux_funcs[] = {
	{ .old_name = "version_proc_show", .new_func = version_show },
	{ }
};

static struct klp_func vault_funcs[] = {
	{ .old_name = "vault_show", .new_func = vault_show },
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = vmlinux_funcs },
	{ .name = "klp_vault", .funcs = vault_funcs },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init symbols_in_c_init(void)
{
	if (unlinked) {
		pr_err("its livepatch symbols are not linked: run cargo klp link\n");
		return -ENOEXEC;
	}
	return klp_enable_patch(&patch);
}

static void __exit symbols_in_c_exit(void)
{
}

module_init(symbols_in_c_init);
module_exit(symbols_in_c_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
