// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch sites: the ftrace_ops of patched functions, and single operations on
 * them. src/ops.rs has their order.
 *
 * Most sites share one ftrace_ops, which calls the handler. That looks up the
 * target of the call.
 *
 * A site with a dedicated ftrace_ops can be a jump to the replacement. An ops
 * may have its own trampoline, and ftrace may jump to that instead of calling
 * it: here it is the replacement. ftrace uses the trampoline only while no
 * other ops is attached to the site; otherwise it calls the functions of all of
 * them, the handler among them, and makes the site a jump again when the others
 * have been detached. Other ftrace users see what a livepatch core always
 * registers: an ops with IPMODIFY.
 *
 * The core's mutex guards everything here.
 */
#include <linux/ftrace.h>
#include <linux/moduleparam.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_JMP
#include <asm/text-patching.h>
#endif

#include "klp_glue.h"

#ifndef MODULE
/* Of kernel/trace/ftrace.c, which declares it for its own folder only. */
extern struct ftrace_ops __rcu *ftrace_ops_list;
#endif

/*
 * Without ftrace's recursion protection, which would take a third of the time:
 * nothing here can be traced, except a warning, which is printed only once.
 */
static void notrace klp_ftrace_handler(unsigned long ip, unsigned long parent_ip,
				       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	unsigned long target;

	/* Protects the table of redirects while it is read. */
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

#ifdef MODULE
/* Not exported, and not needed: klp_shared_ops always has a trampoline. */
#undef GENERIC_TRAMPOLINE
#define GENERIC_TRAMPOLINE	0
#endif

/*
 * IPMODIFY prevents others from redirecting the same functions, PERMANENT
 * prevents turning kernel.ftrace_enabled off.
 */
#define FLAGS	(SAVED | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

struct klp_site_ops {
	struct ftrace_ops ops;
	/* Used by dedicated ops only. */
	unsigned long site;
	struct rcu_head rcu;
};

/*
 * Shared by most sites. Not DYNAMIC: it and its trampoline are never freed, so
 * no grace period for tasks in them is needed. Not named klp_ops, which in the
 * C core is a list that debuggers walk.
 */
static struct klp_site_ops klp_shared_ops = {
	.ops = { .func = klp_ftrace_handler, .flags = FLAGS },
};

/* Temporary ops with the same handler, without IPMODIFY. */
static struct klp_site_ops klp_guards[] = {
	{ .ops = { .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT } },
	{ .ops = { .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT } },
};

/* A function that nothing calls, and the handler does not redirect. */
#ifdef MODULE
#define klp_idle	klp_c_cancel_transition
#else
static noinline void klp_idle(void)
{
	barrier();
}
#endif

/* A site for ops that have to stay registered without any other. */
unsigned long klp_idle_site(void)
{
	return ftrace_location((unsigned long)klp_idle);
}

#ifdef MODULE
/*
 * ftrace frees the trampoline of a module's ops when the ops is unregistered or cannot be
 * registered; but dedicated ops share that of klp_shared_ops, and detaching a site would wait
 * for tasks in it. So the trampoline belongs to this ops, which stays registered at the idle site.
 */
static struct ftrace_ops klp_trampoline_ops = {
	.func = klp_ftrace_handler,
	.flags = SAVED | FTRACE_OPS_FL_PERMANENT,
};

static void share_trampoline(struct klp_site_ops *ops)
{
	ops->ops.trampoline = klp_trampoline_ops.trampoline;
	ops->ops.trampoline_size = klp_trampoline_ops.trampoline_size;
}

int __init klp_init_ftrace(void)
{
	unsigned long site = klp_idle_site();
	int err;

	err = site ? ftrace_set_filter_ip(&klp_trampoline_ops, site, 0, 0) : -ENOENT;
	if (!err)
		err = register_ftrace_function(&klp_trampoline_ops);
	if (err) {
		ftrace_free_filter(&klp_trampoline_ops);
		return err;
	}
	if (!klp_trampoline_ops.trampoline) {
		klp_end_ftrace();
		return -ENOMEM;
	}
	share_trampoline(&klp_shared_ops);
	share_trampoline(&klp_guards[0]);
	share_trampoline(&klp_guards[1]);
	return 0;
}

/* Called with no site attached. Returns when no task is in the handler or in the trampoline. */
void klp_end_ftrace(void)
{
	WARN_ON(unregister_ftrace_function(&klp_trampoline_ops));
	ftrace_free_filter(&klp_trampoline_ops);
	ftrace_free_filter(&klp_shared_ops.ops);
	ftrace_free_filter(&klp_guards[0].ops);
	ftrace_free_filter(&klp_guards[1].ops);
	/* For klp_ops_free(). */
	kvfree_rcu_barrier();
}
#endif

struct klp_site_ops *klp_ops_shared(void)
{
	return &klp_shared_ops;
}

struct klp_site_ops *klp_ops_guard(unsigned int guard)
{
	return &klp_guards[guard];
}

int klp_ops_set_sites(struct klp_site_ops *ops, unsigned long *sites, unsigned int count, bool remove)
{
	return ftrace_set_filter_ips(&ops->ops, sites, count, remove, 0);
}

void klp_ops_clear_sites(struct klp_site_ops *ops)
{
	ftrace_free_filter(&ops->ops);
}

int klp_ops_register(struct klp_site_ops *ops)
{
	return register_ftrace_function(&ops->ops);
}

/*
 * ftrace's list begins with the newest ops. Others may be added and removed
 * meanwhile: ftrace frees them after a grace period.
 */
bool klp_ops_has_others_since(struct klp_site_ops *older)
{
	struct ftrace_ops *ops;
	bool found = false;

	preempt_disable_notrace();
	for (ops = rcu_dereference_sched(ftrace_ops_list); !found && ops && ops != &older->ops;
	     ops = rcu_dereference_sched(ops->next))
		found = ops->func != klp_ftrace_handler && !(ops->flags & FTRACE_OPS_FL_DIRECT);
	preempt_enable_notrace();
	return found;
}

int klp_ops_unregister(struct klp_site_ops *ops)
{
	int err;

	/* A dedicated ops has no trampoline to free, and its memory is freed after one grace period for many. */
	ops->ops.flags &= ~FTRACE_OPS_FL_DYNAMIC;
	err = unregister_ftrace_function(&ops->ops);
	WARN_ON(err);
	return err;
}

/*
 * Is a direct call (a BPF trampoline) attached to the site? Its owner must be
 * notified of a redirect: until then, a BPF program that runs around a function
 * calls the original by its address. ftrace notifies the owner when an ops with
 * IPMODIFY is registered there, not when a registered ops gets another site.
 */
bool klp_has_direct_call(unsigned long site)
{
	return ftrace_find_rec_direct(site);
}

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_JMP
#ifndef CONFIG_LIVEPATCH_JUMPS
#define CONFIG_LIVEPATCH_JUMPS 192
#endif
static unsigned int klp_jumps = CONFIG_LIVEPATCH_JUMPS;
module_param_named(jumps, klp_jumps, uint, 0444);
MODULE_PARM_DESC(jumps, "Most patched functions whose entries are jumps; 0 turns jumps off");

unsigned int klp_max_jumps(void)
{
	/* Without a trampoline for the handler, a jump could not be reverted; without an idle site, none is made. */
	return klp_shared_ops.ops.trampoline && klp_idle_site() ? klp_jumps : 0;
}

/*
 * Is klp_shared_ops the only ops at the site? Only then does the site call its
 * trampoline.
 */
bool klp_is_exclusive(unsigned long site)
{
	u8 insn[CALL_INSN_SIZE];
	s32 distance;

	if (!klp_shared_ops.ops.trampoline ||
	    copy_from_kernel_nofault(insn, (void *)site, sizeof(insn)) ||
	    insn[0] != CALL_INSN_OPCODE)
		return false;
	memcpy(&distance, insn + 1, sizeof(distance));
	return site + CALL_INSN_SIZE + distance == klp_shared_ops.ops.trampoline;
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

	/* Ignores the length of the jump: no site and target are that close to the limit. */
	return distance == (s32)distance && !ftrace_is_jmp(target);
}

/*
 * Sets the trampoline that ftrace uses while no other ops is attached. A guard
 * ops must be attached meanwhile: ftrace expects to find what it wrote.
 */
void klp_ops_set_target(struct klp_site_ops *ops, unsigned long target)
{
	/* The unwinder looks for addresses in trampolines that have a size. */
	WRITE_ONCE(ops->ops.trampoline_size, 0);
	smp_wmb();
	if (target && is_near(ops->site, target)) {
		WRITE_ONCE(ops->ops.trampoline, ftrace_jmp_set(target));
		return;
	}
	/* Without a trampoline, ftrace would allocate one that is never freed. */
	if (!klp_shared_ops.ops.trampoline) {
		WRITE_ONCE(ops->ops.trampoline, GENERIC_TRAMPOLINE);
		return;
	}
	WRITE_ONCE(ops->ops.trampoline, klp_shared_ops.ops.trampoline);
	smp_wmb();
	WRITE_ONCE(ops->ops.trampoline_size, klp_shared_ops.ops.trampoline_size);
}

struct klp_site_ops *klp_ops_new(unsigned long site)
{
	struct klp_site_ops *ops;

	ops = kzalloc(sizeof(*ops), GFP_KERNEL);
	if (!ops)
		return NULL;
	ops->ops.func = klp_ftrace_handler;
	ops->ops.flags = FLAGS;
	ops->site = site;
	if (ftrace_set_filter_ips(&ops->ops, &site, 1, 0, 1)) {
		klp_ops_free(ops);
		return NULL;
	}
	klp_ops_set_target(ops, 0);
	return ops;
}

/* Called after klp_wait_for_cpus(): no walker of ftrace's ops list reads the filter then. */
void klp_ops_free(struct klp_site_ops *ops)
{
	ftrace_free_filter(&ops->ops);
	/* The unwinder reads the ops under RCU alone. */
	kfree_rcu(ops, rcu);
}

/* Called before registering an ops whose site has another ops with IPMODIFY. */
void klp_ops_share_redirection(struct klp_site_ops *ops)
{
	ops->ops.flags &= ~FTRACE_OPS_FL_IPMODIFY;
}
