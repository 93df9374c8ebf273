// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's text: what stands at the entries of patched functions.
 *
 * Most entries belong to one ftrace_ops, so that many of them are one change of
 * the text. It calls the handler, which looks up where the call goes.
 *
 * An entry that has an ftrace_ops of its own can be a jump to the replacement.
 * An ops may bring its own trampoline, and that may be one to jump to instead
 * of one to call: the replacement itself. ftrace uses the trampoline only while
 * no other ops wants the entry; otherwise it calls the functions of all of them,
 * ours being the handler, and makes it a jump again when the others have left.
 * So nobody has to be told about the jump, and nobody is refused because of it:
 * the ops is what it is with any livepatch core, one with IPMODIFY.
 *
 * Everything here is under the core's mutex.
 */
#include <linux/ftrace.h>
#include <linux/hashtable.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include "klp_glue.h"

/*
 * ftrace's protection against recursion would be a third of this: nothing here
 * can be traced. A warning can, but it comes only once, so it ends.
 */
static void notrace klp_ftrace_handler(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	unsigned long target;

	/* For as long as the redirects are read. */
	preempt_disable_notrace();
	target = klp_core_target(ip, &current->patch_state);
	if (target)
		ftrace_regs_set_instruction_pointer(fregs, target);
	preempt_enable_notrace();
}

#ifdef CONFIG_HAVE_DYNAMIC_FTRACE_WITH_ARGS
#define SAVED	0
#else
#define SAVED	FTRACE_OPS_FL_SAVE_REGS
#endif

/*
 * IPMODIFY keeps others from redirecting the same functions, PERMANENT keeps
 * kernel.ftrace_enabled from being turned off.
 */
#define FLAGS	(SAVED | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

/*
 * The one for most entries. It is not DYNAMIC: it and its trampoline stay, so
 * nobody has to wait for tasks that are in them.
 */
static struct ftrace_ops klp_ops = {
	.func = klp_ftrace_handler,
	.flags = FLAGS,
};

/* How many entries it has. */
static unsigned int klp_sites;

int klp_attach(unsigned long *sites, unsigned int count)
{
	int err;

	err = ftrace_set_filter_ips(&klp_ops, sites, count, 0, 0);
	if (err)
		return err;
	if (!klp_sites) {
		err = register_ftrace_function(&klp_ops);
		if (err) {
			ftrace_set_filter_ips(&klp_ops, sites, count, 1, 0);
			return err;
		}
	}
	klp_sites += count;
	return 0;
}

void klp_detach(unsigned long *sites, unsigned int count)
{
	/* No sites at all would mean every function there is. */
	if (klp_sites == count)
		WARN_ON(unregister_ftrace_function(&klp_ops));
	WARN_ON(ftrace_set_filter_ips(&klp_ops, sites, count, 1, 0));
	klp_sites -= count;
}

/*
 * Does somebody else's trampoline stand at the entry? Its owner is told when an
 * ops with IPMODIFY is registered there, and has to be: a BPF program that runs
 * around a function calls the original by its address until it knows better.
 * Nobody is told when a registered ops gets another entry.
 */
bool klp_is_shared(unsigned long site)
{
	return ftrace_find_rec_direct(site);
}

/* Entries with an ops of their own, by their site. */
struct own_ops {
	struct ftrace_ops ops;
	unsigned long site;
	struct hlist_node node;
};

static DEFINE_HASHTABLE(klp_own_ops, 8);

static struct own_ops *find(unsigned long site)
{
	struct own_ops *own;

	hash_for_each_possible(klp_own_ops, own, node, site)
		if (own->site == site)
			return own;
	return NULL;
}

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_JMP
static unsigned int klp_jumps = CONFIG_LIVEPATCH_JUMPS;
module_param_named(jumps, klp_jumps, uint, 0444);
MODULE_PARM_DESC(jumps, "Most patched functions whose entries are jumps; 0 turns jumps off");

unsigned int klp_max_jumps(void)
{
	/* Without a trampoline for the handler there is no way back. */
	return klp_ops.trampoline ? klp_jumps : 0;
}
#else
unsigned int klp_max_jumps(void)
{
	return 0;
}
#endif

/* Can a jump at @site reach @target? */
static bool is_near(unsigned long site, unsigned long target)
{
	long distance = target - site;

	/* Less the length of the jump, which does not matter so far from the limit. */
	return distance == (s32)distance && !ftrace_is_jmp(target);
}

/*
 * Sets where an entry leads when nobody else is there. It must not be without
 * somebody else while that changes: ftrace expects to find what it wrote.
 */
static void point(struct own_ops *own, unsigned long target)
{
	/* The unwinder looks for addresses in trampolines that have a size. */
	WRITE_ONCE(own->ops.trampoline_size, 0);
	smp_wmb();
	if (target && is_near(own->site, target)) {
		WRITE_ONCE(own->ops.trampoline, ftrace_jmp_set(target));
		return;
	}
	WRITE_ONCE(own->ops.trampoline, klp_ops.trampoline);
	smp_wmb();
	WRITE_ONCE(own->ops.trampoline_size, klp_ops.trampoline_size);
}

/*
 * They do what the others do, so that it does not matter which of them is there.
 * With one of them at an entry ftrace uses no trampoline of another; with two of
 * them others come and go there without a change of the text.
 */
static struct ftrace_ops klp_keepers[] = {
	{ .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT },
	{ .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT },
};

static void let_go(unsigned int keepers)
{
	while (keepers--)
		WARN_ON(unregister_ftrace_function(&klp_keepers[keepers]));
	/* Who still walks over them would go astray when they are registered again. */
	klp_wait_for_cpus();
}

static int hold(unsigned int keepers, unsigned long *sites, unsigned int count)
{
	unsigned int i;
	int err;

	for (i = 0; i < keepers; i++) {
		err = ftrace_set_filter_ips(&klp_keepers[i], sites, count, 0, 1);
		if (!err)
			err = register_ftrace_function(&klp_keepers[i]);
		if (err) {
			let_go(i);
			return err;
		}
	}
	return 0;
}

static unsigned long *sites_of(const struct klp_entry *entry, unsigned int count)
{
	unsigned long *sites;
	unsigned int i;

	sites = kvmalloc_array(count, sizeof(*sites), GFP_KERNEL);
	for (i = 0; sites && i < count; i++)
		sites[i] = entry[i].site;
	return sites;
}

/* Once nobody can be in their code any more. */
static void free_all(struct hlist_head *unused)
{
	struct own_ops *own;
	struct hlist_node *next;

	hlist_for_each_entry_safe(own, next, unused, node) {
		ftrace_free_filter(&own->ops);
		kfree(own);
	}
}

static int make_own(const struct klp_entry *entry, struct hlist_head *made)
{
	struct own_ops *own;
	int err;

	own = kzalloc(sizeof(*own), GFP_KERNEL);
	if (!own)
		return -ENOMEM;
	own->ops.func = klp_ftrace_handler;
	own->ops.flags = FLAGS;
	own->site = entry->site;
	hlist_add_head(&own->node, made);
	err = ftrace_set_filter_ips(&own->ops, &own->site, 1, 0, 1);
	point(own, entry->target);
	return err;
}

static int register_own(struct own_ops *own, bool strict)
{
	/* BPF asks for another try when it is busy, after it has slept for a moment. */
	unsigned int tries = 100;
	int err;

	do
		err = register_ftrace_function(&own->ops);
	while (err == -EAGAIN && --tries);
	if (!err || strict)
		return err;
	/*
	 * The entry was ours until just now, and somebody who redirects calls has
	 * taken it in between. It stays patched, with the handler.
	 */
	own->ops.flags &= ~FTRACE_OPS_FL_IPMODIFY;
	point(own, 0);
	return register_ftrace_function(&own->ops);
}

static void unregister_own(struct own_ops *own)
{
	/* It has no trampoline to free, and its memory is freed after waiting once for all. */
	own->ops.flags &= ~FTRACE_OPS_FL_DYNAMIC;
	WARN_ON(unregister_ftrace_function(&own->ops));
}

/*
 * Gives entries of klp_ops their own. When @strict, others may refuse; then
 * the entry belongs to nobody any more.
 */
int klp_own(const struct klp_entry *entry, unsigned int count, bool strict)
{
	HLIST_HEAD(made);
	struct own_ops *own;
	struct hlist_node *next;
	unsigned long *sites;
	unsigned int i;
	int err;

	sites = sites_of(entry, count);
	err = sites ? 0 : -ENOMEM;
	for (i = 0; !err && i < count; i++)
		err = make_own(&entry[i], &made);
	if (!err)
		err = hold(ARRAY_SIZE(klp_keepers), sites, count);
	if (err) {
		for (i = 0; strict && i < count; i++) {
			unsigned long site = entry[i].site;

			klp_detach(&site, 1);
		}
		goto out;
	}
	klp_detach(sites, count);
	hlist_for_each_entry_safe(own, next, &made, node) {
		err = register_own(own, strict);
		if (err && strict)
			break;
		WARN_ON(err);
		hlist_del(&own->node);
		hash_add(klp_own_ops, &own->node, own->site);
	}
	let_go(ARRAY_SIZE(klp_keepers));
out:
	free_all(&made);
	kvfree(sites);
	return err;
}

/* Makes entries that have their own jump elsewhere, or ask the handler, in one change. */
int klp_point(const struct klp_entry *entry, unsigned int count)
{
	unsigned long *sites;
	unsigned int i;
	int err;

	sites = sites_of(entry, count);
	if (!sites)
		return -ENOMEM;
	err = hold(1, sites, count);
	if (!err) {
		for (i = 0; i < count; i++) {
			struct own_ops *own = find(entry[i].site);

			/* Without IPMODIFY somebody else may redirect its calls. */
			if (own && own->ops.flags & FTRACE_OPS_FL_IPMODIFY)
				point(own, entry[i].target);
		}
		let_go(1);
	}
	kvfree(sites);
	return err;
}

/* Takes entries away from those that have their own. Nobody is asked there any more. */
void klp_disown(const struct klp_entry *entry, unsigned int count)
{
	HLIST_HEAD(unused);
	unsigned long *sites;
	unsigned int i;
	bool held;

	/* Without memory it is a change of the text for each of them. */
	sites = sites_of(entry, count);
	held = sites && count > 1 && !hold(ARRAY_SIZE(klp_keepers), sites, count);
	for (i = 0; i < count; i++) {
		struct own_ops *own = find(entry[i].site);

		if (WARN_ON(!own))
			continue;
		unregister_own(own);
		hash_del(&own->node);
		hlist_add_head(&own->node, &unused);
	}
	if (held)
		let_go(ARRAY_SIZE(klp_keepers));
	else
		klp_wait_for_cpus();
	free_all(&unused);
	kvfree(sites);
}
