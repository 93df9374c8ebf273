// SPDX-License-Identifier: GPL-2.0-only
/*
 * Uses shadow variables in every way, and logs the results.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/slab.h>

/* Allocate one twice, which warns. */
static bool duplicate;
module_param(duplicate, bool, 0);

static int owners[4];

static int copy(void *obj, void *data, void *from)
{
	pr_info("constructor for owner %d from %d\n", *(int *)obj, *(int *)from);
	if (*(int *)from < 0)
		return *(int *)from;
	*(int *)data = *(int *)from;
	return 0;
}

static void say(void *obj, void *data)
{
	pr_info("destructor for owner %d with %d\n", *(int *)obj, *(int *)data);
}

static void tell(const char *what, const int *data)
{
	if (data)
		pr_info("%s: %d\n", what, *data);
	else
		pr_info("%s: none\n", what);
}

static void tell_all(unsigned long id)
{
	for (int i = 0; i < ARRAY_SIZE(owners); i++)
		tell("get", klp_shadow_get(&owners[i], id));
}

static int __init klp_cmp_shadow_init(void)
{
	int value = 7, other = 8, error = -EPERM;
	int *data;

	for (int i = 0; i < ARRAY_SIZE(owners); i++)
		owners[i] = i;

	if (duplicate) {
		tell("alloc", klp_shadow_alloc(&owners[0], 1, sizeof(int), GFP_KERNEL, copy, &value));
		tell("alloc again",
		     klp_shadow_alloc(&owners[0], 1, sizeof(int), GFP_KERNEL, copy, &other));
		tell_all(1);
		klp_shadow_free_all(1, say);
		return 0;
	}

	tell("get before", klp_shadow_get(&owners[0], 1));
	tell("alloc without constructor",
	     klp_shadow_alloc(&owners[0], 1, sizeof(int), GFP_KERNEL, NULL, NULL));
	tell("alloc", klp_shadow_alloc(&owners[1], 1, sizeof(int), GFP_KERNEL, copy, &value));
	tell("alloc of another number",
	     klp_shadow_alloc(&owners[1], 2, sizeof(int), GFP_KERNEL, copy, &other));
	tell("get or alloc what is there",
	     klp_shadow_get_or_alloc(&owners[1], 1, sizeof(int), GFP_KERNEL, copy, &other));
	tell("get or alloc what is not",
	     klp_shadow_get_or_alloc(&owners[2], 1, sizeof(int), GFP_KERNEL, copy, &other));
	tell("alloc with a constructor that fails",
	     klp_shadow_alloc(&owners[3], 1, sizeof(int), GFP_KERNEL, copy, &error));
	tell("get or alloc with a constructor that fails",
	     klp_shadow_get_or_alloc(&owners[3], 1, sizeof(int), GFP_KERNEL, copy, &error));
	tell_all(1);
	tell_all(2);

	data = klp_shadow_get(&owners[0], 1);
	if (data)
		*data = 9;
	tell("get what was written", klp_shadow_get(&owners[0], 1));

	pr_info("free\n");
	klp_shadow_free(&owners[0], 1, say);
	pr_info("free again\n");
	klp_shadow_free(&owners[0], 1, say);
	pr_info("free without destructor\n");
	klp_shadow_free(&owners[2], 1, NULL);
	tell_all(1);
	pr_info("free all\n");
	klp_shadow_free_all(1, say);
	pr_info("free all again\n");
	klp_shadow_free_all(1, say);
	tell_all(1);
	tell_all(2);
	klp_shadow_free_all(2, NULL);
	tell_all(2);

	/* NULL is a valid object, and 0 a valid size. */
	data = klp_shadow_alloc(NULL, 3, 0, GFP_KERNEL, NULL, NULL);
	pr_info("no owner and no data: %s\n", data ? "made" : "refused");
	pr_info("found: %s\n", klp_shadow_get(NULL, 3) == data ? "it" : "not it");
	klp_shadow_free_all(3, NULL);
	pr_info("found after: %s\n", klp_shadow_get(NULL, 3) ? "something" : "nothing");
	return 0;
}

static void __exit klp_cmp_shadow_exit(void)
{
}

module_init(klp_cmp_shadow_init);
module_exit(klp_cmp_shadow_exit);
MODULE_DESCRIPTION("Livepatch comparison: shadow variables");
MODULE_LICENSE("GPL");
