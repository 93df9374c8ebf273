// SPDX-License-Identifier: GPL-2.0-only
/*
 * An ftrace user that may be incompatible with a live patch at the same function:
 * `kind` selects it, `at` lists the functions, and `hits` counts calls.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/string.h>

#include <asm/ibt.h>
#include <asm/linkage.h>

#define PLACES 2

static char *kind = "";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(kind, "post_handler, redirect, direct or ipmodify");

static char *at[PLACES];
static int count;
module_param_array(at, charp, &count, 0444);
MODULE_PARM_DESC(at, "the functions");

/* The trampoline counts here, too. */
unsigned long klp_ftrace_user_hits;
module_param_named(hits, klp_ftrace_user_hits, ulong, 0444);

/*
 * A kprobe with a post_handler, which uses IPMODIFY, so that ftrace refuses it
 * beside another user that redirects calls.
 */

static struct kprobe probes[PLACES];

static void after(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
	klp_ftrace_user_hits++;
}

/* Registering an enabled kprobe would not report that it could not be armed. */
static int add_probe(int i)
{
	int err;

	probes[i] = (struct kprobe){
		.symbol_name = at[i],
		.post_handler = after,
		.flags = KPROBE_FLAG_DISABLED,
	};
	err = register_kprobe(&probes[i]);
	if (err)
		return err;
	err = enable_kprobe(&probes[i]);
	if (err)
		unregister_kprobe(&probes[i]);
	return err;
}

static void remove_probe(int i)
{
	unregister_kprobe(&probes[i]);
}

/*
 * A kprobe that redirects calls without IPMODIFY, as a BPF program that overrides
 * a return value does.
 */

static ssize_t elsewhere(void)
{
	return 0;
}

static int before(struct kprobe *probe, struct pt_regs *regs)
{
	klp_ftrace_user_hits++;
	regs->ip = (unsigned long)elsewhere;
	return 1;
}

static int add_redirect(int i)
{
	probes[i] = (struct kprobe){
		.symbol_name = at[i],
		.pre_handler = before,
	};
	return register_kprobe(&probes[i]);
}

/* A direct call, whose trampoline does not know the target of the redirected call. */

static struct ftrace_ops ops[PLACES];

void klp_ftrace_user_trampoline(void);
asm(".pushsection .text, \"ax\", @progbits\n"
    ".type klp_ftrace_user_trampoline, @function\n"
    ".globl klp_ftrace_user_trampoline\n"
    "klp_ftrace_user_trampoline:\n"
    ASM_ENDBR
    "	lock incq klp_ftrace_user_hits(%rip)\n"
    ASM_RET
    ".size klp_ftrace_user_trampoline, . - klp_ftrace_user_trampoline\n"
    ".popsection\n");

static int add_direct(int i)
{
	int err = ftrace_set_filter(&ops[i], (unsigned char *)at[i], strlen(at[i]), 0);

	if (!err)
		err = register_ftrace_direct(&ops[i], (unsigned long)klp_ftrace_user_trampoline);
	if (err)
		ftrace_free_filter(&ops[i]);
	return err;
}

static void remove_direct(int i)
{
	unregister_ftrace_direct(&ops[i], (unsigned long)klp_ftrace_user_trampoline, true);
}

/* Another ftrace_ops with IPMODIFY, as a second livepatch core would have. */

static void notrace count_call(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *op,
			       struct ftrace_regs *fregs)
{
	klp_ftrace_user_hits++;
}

static int add_ipmodify(int i)
{
	int err;

	ops[i].func = count_call;
	ops[i].flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY;
	err = ftrace_set_filter(&ops[i], (unsigned char *)at[i], strlen(at[i]), 0);
	if (!err)
		err = register_ftrace_function(&ops[i]);
	if (err)
		ftrace_free_filter(&ops[i]);
	return err;
}

static void remove_ipmodify(int i)
{
	unregister_ftrace_function(&ops[i]);
	ftrace_free_filter(&ops[i]);
}

static const struct kind {
	const char *name;
	int (*add)(int i);
	void (*remove)(int i);
} kinds[] = {
	{ "post_handler", add_probe, remove_probe },
	{ "redirect", add_redirect, remove_probe },
	{ "direct", add_direct, remove_direct },
	{ "ipmodify", add_ipmodify, remove_ipmodify },
};
static const struct kind *chosen;

static int __init klp_ftrace_user_init(void)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].name, kind))
			chosen = &kinds[i];
	if (!chosen || !count)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		err = chosen->add(i);
		if (err) {
			pr_info("%s at %s: %d\n", kind, at[i], err);
			while (i--)
				chosen->remove(i);
			return err;
		}
	}
	return 0;
}

static void __exit klp_ftrace_user_exit(void)
{
	int i = count;

	while (i--)
		chosen->remove(i);
}

module_init(klp_ftrace_user_init);
module_exit(klp_ftrace_user_exit);
MODULE_DESCRIPTION("Another ftrace user at a patched function");
MODULE_LICENSE("GPL");
