// SPDX-License-Identifier: GPL-2.0-only
/*
 * klp-core as a live patch of the livepatch core in C, and the handover of live
 * patching between the two.
 *
 * The patch redirects the entry points: enabling a patch, and loading and
 * unloading a module. Functions that only access what both cores share stay the C
 * core's, and so do shadow variables, which outlive patches and cores. Both cores
 * share the mutex, the list of patches, the patch in transition, the target state
 * and the patch states of tasks: so at most one transition runs at any time, of
 * either core, and code that switches tasks works for both.
 *
 * klp-core is in charge of live patches from the end of its own transition on.
 * From then on no task is in a redirected function of the C core, or can enter
 * one. The C core's only patch is then klp-core's.
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

/* All redirected functions of the C core, except the hook in klp_hook.c. */
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
 * klp-core's patch is being disabled. Taken before klp_mutex.
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

/* Can ftrace still unregister ops? After it has shut itself down, it calls those that are registered for good. */
static int check_ftrace(void)
{
	if (!ftrace_is_dead())
		return 0;
	pr_err("ftrace has shut itself down, so klp_core stays loaded until the machine is restarted\n");
	return -ENODEV;
}

/* Makes sure that no patch and no site is left, before the C core takes over again. */
static int prepare_to_go(void)
{
	unsigned int tries;
	int err;

	if (!klp_core_is_unused(true))
		return -EBUSY;
	err = check_ftrace();
	if (err)
		return err;
	klp_wait_for_releases();
	/* Each attempt detaches a batch of sites. */
	for (tries = 0; tries < 1000; tries++)
		if (klp_core_detach_rest())
			/* If ftrace has shut itself down meanwhile, the sites are no longer listed, but still attached. */
			return check_ftrace();
	pr_err("sites of patches that are gone cannot be detached\n");
	return -EBUSY;
}

/*
 * Attributes of klp-core's patch: the C core's, except that the patch cannot be
 * forced, and not be disabled while other patches need klp-core.
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

/* Returns whether the C core has no other patch, and logs each if it has. Called under klp_mutex. */
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

/* Called by the C core under klp_mutex before anything is redirected, so no other patch can be enabled in between. */
static int may_arrive(struct klp_object *object)
{
	if (!is_alone())
		return -EBUSY;
	own_type = *own_patch.kobj.ktype;
	own_type.sysfs_ops = &own_sysfs_ops;
	own_patch.kobj.ktype = &own_type;
	return 0;
}

/* Enables klp-core's patch. Does not wait for its transition. */
int klp_arrive(void)
{
	/* Checked before, because the C core would log errors of its own. */
	scoped_guard(mutex, &klp_mutex)
		if (!is_alone())
			return -EBUSY;
	return klp_c_enable_patch(&own_patch);
}

/*
 * Returns when no task is in a function that calls were redirected to. Waits
 * first for tasks that are just entering one, then for those that sleep in it,
 * then for those on their way out.
 */
void klp_wait_for_callers(void)
{
	synchronize_rcu_tasks();
	down_write(&turn);
	up_write(&turn);
	synchronize_rcu_tasks();
}
