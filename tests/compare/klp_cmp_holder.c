// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another user that redirects a function: an ftrace_ops with IPMODIFY, or a
 * kprobe, which with a post_handler uses IPMODIFY, too.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/module.h>

static char *func = "";
module_param(func, charp, 0);
static bool kprobe;
module_param(kprobe, bool, 0);
static bool post = true;
module_param(post, bool, 0);

static void on_call(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		    struct ftrace_regs *regs)
{
}

static struct ftrace_ops ops = {
	.func = on_call,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY,
};

static void on_return(struct kprobe *p, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe;

static int __init klp_cmp_holder_init(void)
{
	int err;

	if (kprobe) {
		probe.symbol_name = func;
		if (post)
			probe.post_handler = on_return;
		return register_kprobe(&probe);
	}
	err = ftrace_set_filter(&ops, func, strlen(func), 1);
	if (err)
		return err;
	err = register_ftrace_function(&ops);
	if (err)
		ftrace_free_filter(&ops);
	return err;
}

static void __exit klp_cmp_holder_exit(void)
{
	if (kprobe) {
		unregister_kprobe(&probe);
		return;
	}
	unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
}

module_init(klp_cmp_holder_init);
module_exit(klp_cmp_holder_exit);
MODULE_DESCRIPTION("Livepatch comparison: another user of a function");
MODULE_LICENSE("GPL");
