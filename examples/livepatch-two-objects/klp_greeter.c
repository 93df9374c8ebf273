// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module that livepatch-two-objects patches: it creates /proc/klp_greeting.
 *
 * It is in C because rustc does not make functions traceable, and only
 * traceable functions can be replaced.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

static int greeting_show(struct seq_file *m, void *v)
{
	seq_puts(m, "hello from the module\n");
	return 0;
}

static int __init klp_greeter_init(void)
{
	if (!proc_create_single("klp_greeting", 0444, NULL, greeting_show))
		return -ENOMEM;
	return 0;
}

static void __exit klp_greeter_exit(void)
{
	remove_proc_entry("klp_greeting", NULL);
}

module_init(klp_greeter_init);
module_exit(klp_greeter_exit);
MODULE_DESCRIPTION("Target of livepatch-two-objects");
MODULE_LICENSE("GPL");
