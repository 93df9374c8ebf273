// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with a static function and a static number. It creates
 * /proc/klp_vault; symbols-in-c, missing-late and two-names patch it.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int coins = 7;
module_param(coins, int, 0444);

static noinline int cents(int whole)
{
	return whole * 100;
}

static __used int vault_show(struct seq_file *m, void *v)
{
	seq_printf(m, "worth %d\n", cents(coins));
	return 0;
}

/* An alias of the function, for two-names. */
static int vault_view(struct seq_file *m, void *v) __used __alias(vault_show);

static int __init klp_vault_init(void)
{
	if (!proc_create_single("klp_vault", 0444, NULL, vault_show))
		return -ENOMEM;
	return 0;
}

static void __exit klp_vault_exit(void)
{
	remove_proc_entry("klp_vault", NULL);
}

module_init(klp_vault_init);
module_exit(klp_vault_exit);
MODULE_DESCRIPTION("Target of patches in C");
MODULE_LICENSE("GPL");
