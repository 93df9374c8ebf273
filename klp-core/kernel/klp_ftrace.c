// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch sites: the ftrace_ops of patched functions.
 *
 * Most sites share one ftrace_ops, so that many of them change in one
 * text-patching pass. It calls the handler, which looks up where the call goes.
 *
 * A site with a dedicated ftrace_ops can be a jump to the replacement. An ops
 * may bring its own trampoline, and that may be one to jump to instead of one
 * to call: the replacement itself. ftrace uses the trampoline only while no
 * other ops is attached to the site; otherwise it calls the functions of all of
 * them, the handler among them, and makes the site a jump again when the others
 * have been detached. To everybody else the ops is what a livepatch core always
 * registers, one with IPMODIFY.
 *
 * Everything here is under the core's mutex.
 */
#include <linux/ftrace.h>
#include <linux/hashtable.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_JMP
#include <asm/text-patching.h>
#endif

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
#define GENERIC_TRAMPOLINE	FTRACE_ADDR
#else
#define SAVED	FTRACE_OPS_FL_SAVE_REGS
#define GENERIC_TRAMPOLINE	FTRACE_REGS_ADDR
#endif

/*
 * IPMODIFY keeps others from redirecting the same functions, PERMANENT keeps
 * kernel.ftrace_enabled from being turned off.
 */
#define FLAGS	(SAVED | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

/*
 * Shared by most sites. It is not DYNAMIC: it and its trampoline stay, so
 * nobody has to wait for tasks that are in them. Its name is not klp_ops, which
 * in the C core is a list that debuggers walk.
 */
static struct ftrace_ops klp_shared_ops = {
	.func = klp_ftrace_handler,
	.flags = FLAGS,
};

/* How many sites the core has attached to it. Its filter may hold more; see klp_detach(). */
static unsigned int klp_sites;

/* A BPF program's owner that is busy sleeps for a moment and asks for another try. */
static int register_ops(struct ftrace_ops *ops)
{
	unsigned int tries = 100;
	int err;

	do
		err = register_ftrace_function(ops);
	while (err == -EAGAIN && --tries);
	return err;
}

/* For a klp_shared_ops that is not registered. Removing single sites needs memory, this does not. */
static void clear_filter(void)
{
	/* Walkers of ftrace's list may still read the filter. */
	klp_wait_for_cpus();
	ftrace_free_filter(&klp_shared_ops);
}

int klp_attach(unsigned long *sites, unsigned int count)
{
	int err;

	err = ftrace_set_filter_ips(&klp_shared_ops, sites, count, 0, 0);
	if (err)
		return err;
	if (!klp_sites) {
		err = register_ops(&klp_shared_ops);
		if (err) {
			clear_filter();
			return err;
		}
	}
	klp_sites += count;
	return 0;
}

/*
 * Without memory, sites stay in the filter until klp_shared_ops is unregistered the
 * next time. Calls there go through the handler, which knows no redirect.
 */
void klp_detach(unsigned long *sites, unsigned int count)
{
	bool is_last = klp_sites == count;

	klp_sites -= count;
	/* A registered ops with an empty filter would trace every function. */
	if (is_last && WARN_ON(unregister_ftrace_function(&klp_shared_ops)))
		return;
	if (ftrace_set_filter_ips(&klp_shared_ops, sites, count, 1, 0) && is_last)
		clear_filter();
}

/*
 * Is a direct call (a BPF trampoline) attached to the site? Its owner is
 * notified when an ops with IPMODIFY is registered there, and has to be: a BPF
 * program that runs around a function calls the original by its address until
 * it knows better. Nobody is notified when a registered ops gets another site.
 */
bool klp_has_direct_call(unsigned long site)
{
	return ftrace_find_rec_direct(site);
}

/* A site with an ops of its own. */
struct dedicated_ops {
	struct ftrace_ops ops;
	unsigned long site;
	/* Not registered: the site is attached to klp_shared_ops after all. */
	bool is_shared;
	struct hlist_node node;
	struct rcu_head rcu;
};

static DEFINE_HASHTABLE(klp_dedicated_ops, 8);

static struct dedicated_ops *find(unsigned long site)
{
	struct dedicated_ops *own;

	hash_for_each_possible(klp_dedicated_ops, own, node, site)
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
	return klp_shared_ops.trampoline ? klp_jumps : 0;
}

/*
 * Is klp_shared_ops the only ops at the site? ftrace lets the site call its trampoline
 * then, and no other.
 */
bool klp_is_exclusive(unsigned long site)
{
	u8 insn[CALL_INSN_SIZE];
	s32 distance;

	if (!klp_shared_ops.trampoline ||
	    copy_from_kernel_nofault(insn, (void *)site, sizeof(insn)) ||
	    insn[0] != CALL_INSN_OPCODE)
		return false;
	memcpy(&distance, insn + 1, sizeof(distance));
	return site + CALL_INSN_SIZE + distance == klp_shared_ops.trampoline;
}
#else
unsigned int klp_max_jumps(void)
{
	return 0;
}

bool klp_is_exclusive(unsigned long site)
{
	return false;
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
 * Sets what ftrace lets the site use while no other ops is attached. A guard
 * ops must be attached while that changes: ftrace expects to find what it wrote.
 */
static void retarget(struct dedicated_ops *own, unsigned long target)
{
	/* The unwinder looks for addresses in trampolines that have a size. */
	WRITE_ONCE(own->ops.trampoline_size, 0);
	smp_wmb();
	if (target && is_near(own->site, target)) {
		WRITE_ONCE(own->ops.trampoline, ftrace_jmp_set(target));
		return;
	}
	/* With none, ftrace would allocate one that nobody frees. */
	if (!klp_shared_ops.trampoline) {
		WRITE_ONCE(own->ops.trampoline, GENERIC_TRAMPOLINE);
		return;
	}
	WRITE_ONCE(own->ops.trampoline, klp_shared_ops.trampoline);
	smp_wmb();
	WRITE_ONCE(own->ops.trampoline_size, klp_shared_ops.trampoline_size);
}

/*
 * Temporary ops with the same handler. While one is at a site, ftrace uses no
 * other ops' trampoline; with two of them, others are attached and detached
 * there without a change of the text.
 */
static struct ftrace_ops klp_guards[] = {
	{ .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT },
	{ .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT },
};

static void unregister_guards(unsigned int guards)
{
	while (guards--)
		WARN_ON(unregister_ftrace_function(&klp_guards[guards]));
	/* Wait for concurrent walkers of ftrace's list before the guards are used again. */
	klp_wait_for_cpus();
}

static int register_guards(unsigned int guards, unsigned long *sites, unsigned int count)
{
	unsigned int i;
	int err;

	for (i = 0; i < guards; i++) {
		err = ftrace_set_filter_ips(&klp_guards[i], sites, count, 0, 1);
		if (!err)
			err = register_ftrace_function(&klp_guards[i]);
		if (err) {
			unregister_guards(i);
			return err;
		}
	}
	return 0;
}

static unsigned long *sites_of(const struct klp_site_target *targets, unsigned int count)
{
	unsigned long *sites;
	unsigned int i;

	sites = kvmalloc_array(count, sizeof(*sites), GFP_KERNEL);
	for (i = 0; sites && i < count; i++)
		sites[i] = targets[i].site;
	return sites;
}

/* After a grace period of CPUs, so that the handler's walkers have left the filters. */
static void free_all(struct hlist_head *unused)
{
	struct dedicated_ops *own;
	struct hlist_node *next;

	hlist_for_each_entry_safe(own, next, unused, node) {
		ftrace_free_filter(&own->ops);
		/* The unwinder reads the ops under RCU alone. */
		kfree_rcu(own, rcu);
	}
}

static int make_dedicated(const struct klp_site_target *target, struct hlist_head *made)
{
	struct dedicated_ops *own;
	int err;

	own = kzalloc(sizeof(*own), GFP_KERNEL);
	if (!own)
		return -ENOMEM;
	own->ops.func = klp_ftrace_handler;
	own->ops.flags = FLAGS;
	own->site = target->site;
	hlist_add_head(&own->node, made);
	err = ftrace_set_filter_ips(&own->ops, &own->site, 1, 0, 1);
	retarget(own, target->target);
	return err;
}

/* For a site that is patched already: it stays so, whatever it takes. */
static void register_patched(struct dedicated_ops *own)
{
	int err;

	err = register_ops(&own->ops);
	if (!err)
		return;
	if (err == -EBUSY) {
		/*
		 * Somebody who redirects calls has attached in between. The
		 * handler goes on beside them.
		 */
		own->ops.flags &= ~FTRACE_OPS_FL_IPMODIFY;
		retarget(own, 0);
		if (!register_ftrace_function(&own->ops))
			return;
	}
	own->is_shared = true;
	WARN_ON(klp_attach(&own->site, 1));
}

/* Returns whether the ops may be freed: ftrace keeps those of a site that it failed to change. */
static bool unregister_dedicated(struct dedicated_ops *own)
{
	if (own->is_shared) {
		klp_detach(&own->site, 1);
		return true;
	}
	/* It has no trampoline to free, and its memory is freed after one wait for all. */
	own->ops.flags &= ~FTRACE_OPS_FL_DYNAMIC;
	return !WARN_ON(unregister_ftrace_function(&own->ops));
}

/*
 * Moves sites from klp_shared_ops to dedicated ops. When @strict, there is one, and
 * others may refuse; then nothing of ours is attached to the site any more.
 */
int klp_register_dedicated(const struct klp_site_target *targets, unsigned int count,
			   bool strict)
{
	HLIST_HEAD(made);
	struct dedicated_ops *own;
	struct hlist_node *next;
	unsigned long *sites;
	unsigned int i;
	int err;

	sites = sites_of(targets, count);
	err = sites ? 0 : -ENOMEM;
	for (i = 0; !err && i < count; i++)
		err = make_dedicated(&targets[i], &made);
	if (!err)
		err = register_guards(ARRAY_SIZE(klp_guards), sites, count);
	if (err) {
		for (i = 0; strict && i < count; i++) {
			unsigned long site = targets[i].site;

			klp_detach(&site, 1);
		}
		goto out;
	}
	klp_detach(sites, count);
	hlist_for_each_entry_safe(own, next, &made, node) {
		if (strict)
			err = register_ops(&own->ops);
		else
			register_patched(own);
		if (err)
			break;
		hlist_del(&own->node);
		hash_add(klp_dedicated_ops, &own->node, own->site);
	}
	unregister_guards(ARRAY_SIZE(klp_guards));
out:
	free_all(&made);
	kvfree(sites);
	return err;
}

/* Makes sites with dedicated ops jump elsewhere, or call the handler, in one pass. */
int klp_retarget(const struct klp_site_target *targets, unsigned int count)
{
	unsigned long *sites;
	unsigned int i;
	int err;

	sites = sites_of(targets, count);
	if (!sites)
		return -ENOMEM;
	err = register_guards(1, sites, count);
	if (!err) {
		for (i = 0; i < count; i++) {
			struct dedicated_ops *own = find(targets[i].site);

			/* Without IPMODIFY somebody else may redirect its calls. */
			if (own && own->ops.flags & FTRACE_OPS_FL_IPMODIFY)
				retarget(own, targets[i].target);
		}
		unregister_guards(1);
	}
	kvfree(sites);
	return err;
}

/* Detaches sites with dedicated ops. */
void klp_unregister_dedicated(const struct klp_site_target *targets, unsigned int count)
{
	HLIST_HEAD(unused);
	unsigned long *sites;
	unsigned int i;
	bool guarded;

	/* Without memory it is a change of the text for each of them. */
	sites = sites_of(targets, count);
	guarded = sites && count > 1 && !register_guards(ARRAY_SIZE(klp_guards), sites, count);
	for (i = 0; i < count; i++) {
		struct dedicated_ops *own = find(targets[i].site);

		if (WARN_ON(!own))
			continue;
		hash_del(&own->node);
		if (unregister_dedicated(own))
			hlist_add_head(&own->node, &unused);
	}
	if (guarded)
		unregister_guards(ARRAY_SIZE(klp_guards));
	else
		klp_wait_for_cpus();
	free_all(&unused);
	kvfree(sites);
}
