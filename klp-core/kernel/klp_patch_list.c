// SPDX-License-Identifier: GPL-2.0-only
/*
 * The list of patches, from the bottom up, for readers that cannot take the
 * core's mutex: callbacks, which run under it, and readers of sysfs.
 */
#include <linux/list.h>
#include <linux/module.h>
#include <linux/spinlock.h>

#include "klp_glue.h"

/* Innermost lock. Writers hold the core's mutex, too. */
static DEFINE_SPINLOCK(lock);
/*
 * As in the C core, live patches find the list by its name and walk it under klp_mutex.
 * klp_transition_patch is NULL when no transition runs; debuggers know the name. A module
 * shares both with the C core, whose list has the module's patch.
 */
#ifndef MODULE
static LIST_HEAD(klp_patches);
static struct klp_patch *klp_transition_patch;
#endif

/* Is it the patch of this core's module? */
static bool is_own(const struct klp_patch *patch)
{
	return THIS_MODULE && patch->mod == THIS_MODULE;
}

void klp_patch_list_add(struct klp_patch *patch)
{
	guard(spinlock)(&lock);
	list_add_tail(&patch->list, &klp_patches);
}

void klp_patch_list_remove(struct klp_patch *patch)
{
	guard(spinlock)(&lock);
	list_del_init(&patch->list);
}

void klp_patch_list_set_transition(struct klp_patch *patch)
{
	guard(spinlock)(&lock);
	klp_transition_patch = patch;
}

bool klp_patch_list_in_transition(const struct klp_patch *patch)
{
	guard(spinlock)(&lock);
	return klp_transition_patch == patch;
}

/* 1-based stack position; the height of the stack if absent. */
int klp_patch_list_place(const struct klp_patch *patch)
{
	struct klp_patch *other;
	int place = 0;

	guard(spinlock)(&lock);
	list_for_each_entry(other, &klp_patches, list) {
		if (is_own(other))
			continue;
		place++;
		if (other == patch)
			break;
	}
	return place;
}

/*
 * Calls each() with the patches below the one in transition, from the bottom
 * up. Returns whether a transition runs.
 */
bool klp_patch_list_each_below(void (*each)(struct klp_patch *patch, void *data), void *data)
{
	struct klp_patch *patch;

	guard(spinlock)(&lock);
	if (!klp_transition_patch)
		return false;
	list_for_each_entry(patch, &klp_patches, list) {
		if (patch == klp_transition_patch)
			break;
		each(patch, data);
	}
	return true;
}
