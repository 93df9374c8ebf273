// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with one function, whose entry follows the kernel's options. klp_rebuilt_before.c is the
 * same with the other entry.
 */
#include <linux/compiler.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

noinline unsigned int rebuilt_number(unsigned int number);
noinline unsigned int rebuilt_number(unsigned int number)
{
	OPTIMIZER_HIDE_VAR(number);
	return number;
}

static int get_number(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%u\n", rebuilt_number(1));
}

static const struct kernel_param_ops number_ops = { .get = get_number };
module_param_cb(number, &number_ops, NULL, 0400);

static int __init klp_rebuilt_init(void)
{
	return 0;
}

static void __exit klp_rebuilt_exit(void)
{
}

module_init(klp_rebuilt_init);
module_exit(klp_rebuilt_exit);
MODULE_DESCRIPTION("Target of original-rebuilt");
MODULE_LICENSE("GPL");
