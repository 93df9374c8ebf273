// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module whose functions take pointers to integers, buffers with their length,
 * sockptr_t, and credentials. Parameters call them.
 */
#include <linux/cred.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sockptr.h>
#include <linux/sysfs.h>

/*
 * Not static and not inlined: with one caller, the compiler would change the arguments. They use all
 * arguments and have several results: else the compiler would optimise the callers in this file.
 */
int arguments_move(loff_t *position, int *optional);
int arguments_receive(const void *data, size_t length);
int arguments_option(sockptr_t option, unsigned int length);
int arguments_owner(const struct cred *cred, struct user_namespace *ns);
int arguments_get_option(sockptr_t option, unsigned int length);
int *arguments_find(int index);

noinline int arguments_move(loff_t *position, int *optional)
{
	*position += 1;
	if (!optional)
		return 0;
	*optional = 5;
	return 3;
}

noinline int arguments_receive(const void *data, size_t length)
{
	return *(const u8 *)data ? -EINVAL : length;
}

noinline int arguments_option(sockptr_t option, unsigned int length)
{
	int value = 0;

	if (copy_from_sockptr(&value, option, sizeof(value)))
		return -EFAULT;
	return value;
}

noinline int arguments_owner(const struct cred *cred, struct user_namespace *ns)
{
	return cred->user_ns == ns;
}

noinline int arguments_get_option(sockptr_t option, unsigned int length)
{
	int value = length;

	return copy_to_sockptr(option, &value, sizeof(value));
}

noinline int *arguments_find(int index)
{
	static int values[] = { 70, 71 };

	return index < 2 ? &values[index] : NULL;
}

static int answers_get(char *buffer, const struct kernel_param *param)
{
	/* Unknown to the compiler, which would specialise functions for these values. */
	static u8 message[] = { 0, 6, 1, 2, 3, 4 };
	static volatile size_t whole = sizeof(message), less = 5;
	loff_t position = 10;
	static volatile int second = 1, third = 2;
	int optional = 1, value = 40, got = 0, moved, received, cut, option, owner;
	int *found, *none;

	moved = arguments_move(&position, &optional);
	arguments_move(&position, NULL);
	received = arguments_receive(message, whole);
	cut = arguments_receive(message, less);
	option = arguments_option(KERNEL_SOCKPTR(&value), sizeof(value));
	owner = arguments_owner(current_cred(), current_user_ns());
	arguments_get_option(KERNEL_SOCKPTR(&got), sizeof(got));
	found = arguments_find(second);
	none = arguments_find(third);
	return sysfs_emit(buffer, "%d %lld %d %d %d %d %d %d %d %d\n", moved, position, optional,
			  received, cut, option, owner, got, found ? *found : -1, none ? *none : -1);
}

static const struct kernel_param_ops answers_ops = { .get = answers_get };

module_param_cb(answers, &answers_ops, NULL, 0444);
MODULE_PARM_DESC(answers, "calls all functions");

static int __init klp_arguments_init(void)
{
	return 0;
}
module_init(klp_arguments_init);

static void __exit klp_arguments_exit(void)
{
}
module_exit(klp_arguments_exit);

MODULE_DESCRIPTION("Test module: arguments of several kinds");
MODULE_LICENSE("GPL");
