// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module that livepatch-sympos patches. Two of its files have a static
 * function level_show() each, for /proc/klp_level_1 and /proc/klp_level_2.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>

#include "twins.h"

static int __init klp_twins_init(void)
{
	if (!make_first_level())
		return -ENOMEM;
	if (!make_second_level()) {
		remove_proc_entry(FIRST_LEVEL, NULL);
		return -ENOMEM;
	}
	return 0;
}

static void __exit klp_twins_exit(void)
{
	remove_proc_entry(SECOND_LEVEL, NULL);
	remove_proc_entry(FIRST_LEVEL, NULL);
}

module_init(klp_twins_init);
module_exit(klp_twins_exit);
MODULE_DESCRIPTION("Target of livepatch-sympos");
MODULE_LICENSE("GPL");
