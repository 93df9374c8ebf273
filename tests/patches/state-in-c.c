// SPDX-License-Identifier: GPL-2.0-only
/*
 * A patch in C with a state of state-first and state-second. It takes over the
 * data by pointer, as patches in C do, or allocates it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#define ASKED 5

static struct klp_patch patch;

static int version_show(struct seq_file *m, void *v)
{
	u32 *asked = klp_get_state(&patch, ASKED)->data;

	seq_printf(m, "C %u\n", ++*asked);
	return 0;
}

static int before(struct klp_object *object)
{
	struct klp_state *state = klp_get_state(&patch, ASKED);
	struct klp_state *previous = klp_get_prev_state(ASKED);

	if (previous) {
		state->data = previous->data;
		pr_info("previous %u\n", previous->version);
		return 0;
	}
	state->data = kzalloc(sizeof(u32), GFP_KERNEL);
	return state->data ? 0 : -ENOMEM;
}

static void after(struct klp_object *object)
{
	/* The patch was applied; after a reversal the data would belong to the old patch. */
	kfree(klp_get_state(&patch, ASKED)->data);
}

static struct klp_func funcs[] = {
	{ .old_name = "version_proc_show", .new_func = version_show },
	{ }
};

static struct klp_object objects[] = {
	{
		.funcs = funcs,
		.callbacks = { .pre_patch = before, .post_unpatch = after },
	},
	{ }
};

static struct klp_state states[] = {
	{ .id = 4, .version = 2 },
	{ .id = ASKED, .version = 2 },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
	.states = states,
	.replace = true,
};

static int __init state_in_c_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit state_in_c_exit(void)
{
}

module_init(state_in_c_init);
module_exit(state_in_c_exit);
MODULE_DESCRIPTION("Test patch");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
