// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/livepatch and /sys/kernel/debug/livepatch: attributes, and the
 * kobjects embedded in the patches' structures.
 *
 * The attributes of objects and functions take no lock: they are removed with
 * the core's mutex held, and removing them waits for readers. A work item
 * removes a patch's folder, without the mutex.
 */
#include <linux/debugfs.h>
#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>

#include "klp_glue.h"

#ifdef MODULE
/* The C core's. */
#define klp_root klp_root_kobj
#else
static struct kobject *klp_root;
#endif
static struct dentry *klp_debugfs_root;

static struct klp_patch *to_patch(struct kobject *kobj)
{
	return container_of(kobj, struct klp_patch, kobj);
}

static ssize_t enabled_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(to_patch(kobj)->enabled));
}

static ssize_t enabled_store(struct kobject *kobj, struct kobj_attribute *attr,
			     const char *buf, size_t count)
{
	bool enabled;
	int err;

	err = kstrtobool(buf, &enabled);
	if (!err)
		err = klp_core_set_enabled(to_patch(kobj), enabled);
	return err ? err : count;
}

static ssize_t transition_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", klp_patch_list_in_transition(to_patch(kobj)));
}

static ssize_t force_store(struct kobject *kobj, struct kobj_attribute *attr,
			   const char *buf, size_t count)
{
	bool force;
	int err;

	err = kstrtobool(buf, &force);
	if (!err && force)
		err = klp_core_force(to_patch(kobj));
	return err ? err : count;
}

static ssize_t replace_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", to_patch(kobj)->replace);
}

static ssize_t stack_order_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", klp_patch_list_place(to_patch(kobj)));
}

static struct kobj_attribute enabled_attr = __ATTR_RW(enabled);
static struct kobj_attribute transition_attr = __ATTR_RO(transition);
static struct kobj_attribute force_attr = __ATTR_WO(force);
static struct kobj_attribute replace_attr = __ATTR_RO(replace);
static struct kobj_attribute stack_order_attr = __ATTR_RO(stack_order);

static struct attribute *klp_patch_attrs[] = {
	&enabled_attr.attr,
	&transition_attr.attr,
	&force_attr.attr,
	&replace_attr.attr,
	&stack_order_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(klp_patch);

static ssize_t patched_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct klp_object *obj = container_of(kobj, struct klp_object, kobj);

	return sysfs_emit(buf, "%d\n", READ_ONCE(obj->patched));
}

static struct kobj_attribute patched_attr = __ATTR_RO(patched);

static struct attribute *klp_object_attrs[] = {
	&patched_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(klp_object);

static void patch_release(struct kobject *kobj)
{
	complete(&to_patch(kobj)->finish);
}

/* Objects that the core allocated are marked as dynamic, and freed here. */
static void object_release(struct kobject *kobj)
{
	struct klp_object *obj = container_of(kobj, struct klp_object, kobj);

	if (obj->dynamic) {
		kfree(obj->name);
		kfree(obj);
	}
}

static void func_release(struct kobject *kobj)
{
	struct klp_func *func = container_of(kobj, struct klp_func, kobj);

	if (func->nop) {
		kfree(func->old_name);
		kfree(func);
	}
}

static const struct kobj_type patch_type = {
	.release = patch_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = klp_patch_groups,
};

static const struct kobj_type object_type = {
	.release = object_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = klp_object_groups,
};

static const struct kobj_type func_type = {
	.release = func_release,
	.sysfs_ops = &kobj_sysfs_ops,
};

/* Writes a line for a task that has not switched, with the reason. */
void klp_blocker_line(struct seq_file *m, struct task_struct *task, int why,
		      const char *function)
{
	seq_printf(m, "%d %s ", task->pid, task->comm);
	switch (why) {
	case 0:
		seq_puts(m, "about to switch\n");
		break;
	case -EBUSY:
		seq_puts(m, "running\n");
		break;
	case -EINVAL:
		seq_puts(m, "unreliable stack\n");
		break;
	default:
		seq_printf(m, "sleeping in function %s\n", function);
	}
}

static int blockers_show(struct seq_file *m, void *v)
{
	if (klp_patch_list_in_transition(m->private))
		klp_core_blockers(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(blockers);

void klp_redirect_line(struct seq_file *m, const char *object, const char *function,
		       unsigned long sympos, const char *via)
{
	seq_printf(m, "%s %s,%lu %s\n", object, function, sympos, via);
}

static int redirects_show(struct seq_file *m, void *v)
{
	klp_core_redirects(m, m->private);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(redirects);

bool klp_is_shown(void)
{
	return klp_root;
}

/*
 * klp_for_each_object() and klp_for_each_func() walk these lists, for example
 * in callbacks of patches. The core's mutex guards them.
 */
static void init_func(struct klp_object *obj, struct klp_func *func)
{
	func->transition = false;
	list_add_tail(&func->node, &obj->func_list);
	INIT_LIST_HEAD(&func->stack_node);
	kobject_init(&func->kobj, &func_type);
}

static void init_object(struct klp_patch *patch, struct klp_object *obj)
{
	INIT_LIST_HEAD(&obj->func_list);
	list_add_tail(&obj->node, &patch->obj_list);
	kobject_init(&obj->kobj, &object_type);
}

/* Allocates an object that the patch does not declare. Returns NULL without memory. */
struct klp_object *klp_new_object(struct klp_patch *patch, const char *name)
{
	struct klp_object *obj = kzalloc(sizeof(*obj), GFP_KERNEL);

	if (obj && name)
		obj->name = kstrdup(name, GFP_KERNEL);
	if (!obj || (name && !obj->name)) {
		kfree(obj);
		return NULL;
	}
	obj->dynamic = true;
	init_object(patch, obj);
	return obj;
}

/* Allocates a nop: an entry that restores the original function. Returns NULL without memory. */
struct klp_func *klp_new_nop(struct klp_object *obj, const char *name, unsigned long sympos)
{
	struct klp_func *func = kzalloc(sizeof(*func), GFP_KERNEL);

	if (func)
		func->old_name = kstrdup(name, GFP_KERNEL);
	if (!func || !func->old_name) {
		kfree(func);
		return NULL;
	}
	func->old_sympos = sympos;
	func->nop = true;
	init_func(obj, func);
	return func;
}

/* Returns after the last use of the patch's structures. */
void klp_hide_patch(struct klp_patch *patch)
{
	/* Another patch of the same module may have the name. */
	if (patch->kobj.state_in_sysfs) {
		debugfs_lookup_and_remove(patch->mod->name, klp_debugfs_root);
		kobject_del(&patch->kobj);
	}
	kobject_put(&patch->kobj);
	wait_for_completion(&patch->finish);
	/* The core's module; NULL where it is built in. */
	module_put(THIS_MODULE);
}

/*
 * User space that waits for the patch's folder to vanish unloads the module
 * next, so nothing slow may come between the two. No task can reach the
 * module's code any more: the stack check made sure of that.
 */
void klp_release_now(struct klp_patch *patch)
{
	klp_hide_patch(patch);
	if (!patch->forced)
		module_put(patch->mod);
}

static void release_patch(struct work_struct *work)
{
	klp_release_now(container_of(work, struct klp_patch, free_work));
}

void klp_show_init_patch(struct klp_patch *patch)
{
	struct klp_object *obj;
	struct klp_func *func;

	/* Dropped by klp_hide_patch(). */
	__module_get(THIS_MODULE);
	kobject_init(&patch->kobj, &patch_type);
	init_completion(&patch->finish);
	INIT_LIST_HEAD(&patch->list);
	INIT_LIST_HEAD(&patch->obj_list);
	INIT_WORK(&patch->free_work, release_patch);
	patch->enabled = false;
	patch->forced = false;
	klp_for_each_object_static(patch, obj) {
		init_object(patch, obj);
		klp_for_each_func_static(obj, func)
			init_func(obj, func);
	}
}

int klp_show_patch(struct klp_patch *patch)
{
	struct dentry *dir;
	int err;

	err = kobject_add(&patch->kobj, klp_root, "%s", patch->mod->name);
	if (err)
		return err;
	/* The patch works without debugfs, so errors are ignored. */
	dir = debugfs_create_dir(patch->mod->name, klp_debugfs_root);
	debugfs_create_file("blockers", 0400, dir, patch, &blockers_fops);
	debugfs_create_file("redirects", 0400, dir, patch, &redirects_fops);
	return 0;
}

int klp_show_object(struct klp_patch *patch, struct klp_object *obj, const char *name)
{
	return kobject_add(&obj->kobj, &patch->kobj, "%s", name);
}

int klp_show_func(struct klp_object *obj, struct klp_func *func, const char *name,
		  unsigned long sympos)
{
	return kobject_add(&func->kobj, &obj->kobj, "%s,%lu", name, sympos);
}

void klp_hide_object(struct klp_object *obj)
{
	list_del(&obj->node);
	kobject_put(&obj->kobj);
}

void klp_hide_func(struct klp_func *func)
{
	list_del(&func->node);
	kobject_put(&func->kobj);
}

#ifdef MODULE
/* A dedicated queue, so that it can be flushed. */
static struct workqueue_struct *klp_release_queue;

static struct workqueue_struct *release_queue(void)
{
	return klp_release_queue;
}
#else
static struct workqueue_struct *release_queue(void)
{
	return system_percpu_wq;
}
#endif

void klp_release_later(struct klp_patch *patch, bool keep)
{
	patch->forced = keep;
	queue_work(release_queue(), &patch->free_work);
}

#ifdef MODULE
int __init klp_init_sysfs(void)
{
	klp_release_queue = alloc_workqueue("klp_core", WQ_PERCPU, 0);
	if (!klp_release_queue)
		return -ENOMEM;
	klp_debugfs_root = debugfs_create_dir("livepatch", NULL);
	return 0;
}

/* Returns when all patches that were disabled are released. */
void klp_wait_for_releases(void)
{
	flush_workqueue(klp_release_queue);
}

void klp_end_sysfs(void)
{
	destroy_workqueue(klp_release_queue);
	debugfs_remove(klp_debugfs_root);
}
#else
static int __init klp_init(void)
{
	/* Before the root: once that exists, patches can be added. */
	klp_debugfs_root = debugfs_create_dir("livepatch", NULL);
	klp_root = kobject_create_and_add("livepatch", kernel_kobj);
	return klp_root ? 0 : -ENOMEM;
}
module_init(klp_init);
#endif
