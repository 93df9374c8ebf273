// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that livepatch-callbacks has callbacks for. Its init and exit
 * functions log a line, so that the log shows their order with the callbacks.
 */
#include <linux/module.h>

static int __init klp_callbacks_target_init(void)
{
	pr_info("%s: init\n", KBUILD_MODNAME);
	return 0;
}

static void __exit klp_callbacks_target_exit(void)
{
	pr_info("%s: exit\n", KBUILD_MODNAME);
}

module_init(klp_callbacks_target_init);
module_exit(klp_callbacks_target_exit);
MODULE_DESCRIPTION("Target of livepatch-callbacks");
MODULE_LICENSE("GPL");
