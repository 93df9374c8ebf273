// SPDX-License-Identifier: GPL-2.0-only
/*
 * Patch sites: the ftrace_ops of patched functions, and single steps with
 * them. Their order is in src/ops.rs.
 *
 * Most sites share one ftrace_ops, which calls the handler. That looks up where
 * the call goes.
 *
 * A site with a dedicated ftrace_ops can be a jump to the replacement. An ops
 * may bring its own trampoline, and that may be one to jump to instead of one
 * to call: the replacement itself. ftrace uses the trampoline only while no
 * other ops is attached to the site; otherwise it calls the functions of all of
 * them, the handler among them, and makes the site a jump again when the others
 * have been detached. For other ftrace users it is what a livepatch core always
 * registers, an ops with IPMODIFY.
 *
 * Everything here is under the core's mutex.
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

#ifdef MODULE
/* It is not exported, and not needed: there is always another one. */
#undef GENERIC_TRAMPOLINE
#define GENERIC_TRAMPOLINE	0
#endif

/*
 * IPMODIFY keeps others from redirecting the same functions, PERMANENT keeps
 * kernel.ftrace_enabled from being turned off.
 */
#define FLAGS	(SAVED | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT)

struct klp_site_ops {
	struct ftrace_ops ops;
	/* Of a dedicated ops. */
	unsigned long site;
	struct rcu_head rcu;
};

/*
 * Shared by most sites. It is not DYNAMIC: it and its trampoline stay, so
 * no grace period for tasks in them is needed. Its name is not klp_ops, which
 * in the C core is a list that debuggers walk.
 */
static struct klp_site_ops klp_shared_ops = {
	.ops = { .func = klp_ftrace_handler, .flags = FLAGS },
};

/* Temporary ops with the same handler, which leave redirecting to others. */
static struct klp_site_ops klp_guards[] = {
	{ .ops = { .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT } },
	{ .ops = { .func = klp_ftrace_handler, .flags = SAVED | FTRACE_OPS_FL_PERMANENT } },
};

#ifdef MODULE
/*
 * ftrace frees an ops' trampoline with the ops where that is a module's, also when registering
 * fails; but dedicated ops share that of klp_shared_ops, and detaching a site would wait
 * for tasks in the trampoline. So it belongs to an ops that stays registered. Nothing calls the
 * function that it is attached to, and the handler leaves that as it is.
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
	unsigned long site = ftrace_location((unsigned long)klp_c_cancel_transition);
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

/* No site is attached. Returns when no task is in the handler or in the trampoline. */
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

int klp_ops_unregister(struct klp_site_ops *ops)
{
	int err;

	/* A dedicated ops has no trampoline to free, and its memory is freed after one wait for many. */
	ops->ops.flags &= ~FTRACE_OPS_FL_DYNAMIC;
	err = unregister_ftrace_function(&ops->ops);
	WARN_ON(err);
	return err;
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

#ifdef CONFIG_DYNAMIC_FTRACE_WITH_JMP
#ifndef CONFIG_LIVEPATCH_JUMPS
#define CONFIG_LIVEPATCH_JUMPS 192
#endif
static unsigned int klp_jumps = CONFIG_LIVEPATCH_JUMPS;
module_param_named(jumps, klp_jumps, uint, 0444);
MODULE_PARM_DESC(jumps, "Most patched functions whose entries are jumps; 0 turns jumps off");

unsigned int klp_max_jumps(void)
{
	/* Without a trampoline for the handler there is no way back. */
	return klp_shared_ops.ops.trampoline ? klp_jumps : 0;
}

/*
 * Is klp_shared_ops the only ops at the site? ftrace lets the site call its trampoline
 * then, and no other.
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

	/* Less the length of the jump, which does not matter so far from the limit. */
	return distance == (s32)distance && !ftrace_is_jmp(target);
}

/*
 * Sets what ftrace lets the site use while no other ops is attached. A guard
 * ops must be attached while that changes: ftrace expects to find what it wrote.
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
	/* With none, ftrace would allocate one that is never freed. */
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

/* After a grace period of CPUs, so that the handler's walkers have left the filter. */
void klp_ops_free(struct klp_site_ops *ops)
{
	ftrace_free_filter(&ops->ops);
	/* The unwinder reads the ops under RCU alone. */
	kfree_rcu(ops, rcu);
}

/* Before it is registered: another ops with IPMODIFY is at its site. */
void klp_ops_share_redirection(struct klp_site_ops *ops)
{
	ops->ops.flags &= ~FTRACE_OPS_FL_IPMODIFY;
}
