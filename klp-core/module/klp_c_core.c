// SPDX-License-Identifier: GPL-2.0-only
/*
 * klp-core as a live patch of the livepatch core in C, and which of the two
 * has the live patches.
 *
 * The patch redirects what begins something: enabling a patch, and modules that
 * come and go. What only reads or writes what both cores share stays the C
 * core's, and so do shadow variables, which outlive patches and cores. The two
 * share the mutex, the list of patches, the patch in transition, the target state,
 * and what tasks have of it: so at any time one transition runs at most, of
 * either core, and code that switches tasks need not know of which.
 *
 * klp-core has the live patches from the end of its own transition on. From
 * then on no task is in a function of the C core that is redirected, and none
 * gets there. Its own patch is then the only one that the C core has.
 */
#define pr_fmt(fmt) "livepatch: " fmt

#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sysfs.h>

#include "klp_glue.h"

/* The functions of the C core that are redirected, and what to: all of them, but for the hook in klp_hook.c. */
static struct klp_func functions[] = {
	{ .old_name = "klp_enable_patch", .new_func = klp_enable_patch },
	{ .old_name = "klp_module_coming", .new_func = klp_module_coming },
	{ .old_name = "klp_module_going", .new_func = klp_module_going },
	{ }
};

static int may_arrive(struct klp_object *object);

static struct klp_object objects[] = {
	{ .funcs = functions, .callbacks.pre_patch = may_arrive },
	{ }
};

static struct klp_patch own_patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

/*
 * Held for reading by code that acts for one of the cores, and for writing while
 * klp-core's patch is being disabled. Outside of klp_mutex.
 */
static DECLARE_RWSEM(turn);

enum klp_turn klp_enter(void)
{
	down_read(&turn);
	guard(mutex)(&klp_mutex);
	if (klp_transition_patch == &own_patch)
		return KLP_TURN_CHANGING;
	return own_patch.enabled ? KLP_TURN_OURS : KLP_TURN_C_CORE;
}

void klp_leave(void)
{
	up_read(&turn);
}

/* Nothing of any patch may be left when the C core has the live patches again. */
static int prepare_to_go(void)
{
	unsigned int tries;

	if (!klp_core_is_unused(true))
		return -EBUSY;
	klp_wait_for_releases();
	/* Each time a number of sites. ftrace may fail to unregister one. */
	for (tries = 0; tries < 1000; tries++)
		if (klp_core_detach_rest())
			return 0;
	pr_err("sites of patches that are gone cannot be detached\n");
	return -EBUSY;
}

/*
 * Attributes of klp-core's patch. Reading is the C core's, and so is writing,
 * unless patches need klp-core.
 */
static ssize_t store(struct kobject *kobj, struct attribute *attr, const char *buf, size_t count)
{
	bool enable = true;
	ssize_t ret;

	if (!strcmp(attr->name, "force")) {
		pr_notice("'%s' cannot be forced: tasks would be in both cores\n", KBUILD_MODNAME);
		return -EPERM;
	}
	if (strcmp(attr->name, "enabled") || kstrtobool(buf, &enable) || enable)
		return kobj_sysfs_ops.store(kobj, attr, buf, count);

	down_write(&turn);
	ret = prepare_to_go();
	if (!ret)
		ret = kobj_sysfs_ops.store(kobj, attr, buf, count);
	up_write(&turn);
	return ret;
}

static ssize_t show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	return kobj_sysfs_ops.show(kobj, attr, buf);
}

static const struct sysfs_ops own_sysfs_ops = { .show = show, .store = store };
static struct kobj_type own_type;

/* Returns whether the C core has no other patch; otherwise a line in the log for each. Under klp_mutex. */
static bool is_alone(void)
{
	struct klp_patch *patch;
	bool alone = true;

	list_for_each_entry(patch, &klp_patches, list) {
		if (patch == &own_patch)
			continue;
		pr_err("'%s' is enabled: disable it before klp-core is loaded, and load it again afterwards\n",
		       patch->mod->name);
		alone = false;
	}
	return alone;
}

/* Called by the C core before anything is redirected, under klp_mutex: no other patch comes in between. */
static int may_arrive(struct klp_object *object)
{
	if (!is_alone())
		return -EBUSY;
	own_type = *own_patch.kobj.ktype;
	own_type.sysfs_ops = &own_sysfs_ops;
	own_patch.kobj.ktype = &own_type;
	return 0;
}

/* Enables klp-core's patch. Its transition may go on. */
int klp_arrive(void)
{
	/* The C core would log its own errors. */
	scoped_guard(mutex, &klp_mutex)
		if (!is_alone())
			return -EBUSY;
	return klp_c_enable_patch(&own_patch);
}

/*
 * Returns when no task is in a function that calls were redirected to. Those
 * that had just begun to are waited for first, then those that sleep in
 * there, then those on their way out.
 */
void klp_wait_for_callers(void)
{
	synchronize_rcu_tasks();
	down_write(&turn);
	up_write(&turn);
	synchronize_rcu_tasks();
}
