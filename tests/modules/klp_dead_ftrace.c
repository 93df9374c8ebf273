// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shuts ftrace down for good, as the kernel does when ftrace finds text that it
 * did not write. Loading it fails then with ECANCELED, so nothing stays loaded.
 */
#include <linux/kprobes.h>
#include <linux/module.h>

/* Never armed: it only looks the function up. */
static struct kprobe probe = {
	.symbol_name = "ftrace_kill",
	.flags = KPROBE_FLAG_DISABLED,
};

static int __init klp_dead_ftrace_init(void)
{
	void (*kill)(void);
	int err = register_kprobe(&probe);

	if (err)
		return err;
	kill = (void *)probe.addr;
	unregister_kprobe(&probe);
	kill();
	return -ECANCELED;
}

module_init(klp_dead_ftrace_init);
MODULE_DESCRIPTION("Shuts ftrace down");
MODULE_LICENSE("GPL");
