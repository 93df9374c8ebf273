// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that livepatch-callbacks patches, and that can block a transition:
 * while the parameter "busy" is set, readers of /proc/klp_busy sleep in
 * busy_show(), and cannot switch to the patch.
 */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(idle);
static bool busy;

static int busy_set(const char *value, const struct kernel_param *param)
{
	int error = param_set_bool(value, param);

	if (!error)
		wake_up_all(&idle);
	return error;
}

static const struct kernel_param_ops busy_ops = {
	.set = busy_set,
	.get = param_get_bool,
};
module_param_cb(busy, &busy_ops, &busy, 0644);
MODULE_PARM_DESC(busy, "Whether readers of /proc/klp_busy have to wait");

static int busy_show(struct seq_file *m, void *v)
{
	/* Killable, because the livepatch core's fake signal wakes interruptible sleepers. */
	if (wait_event_killable(idle, !READ_ONCE(busy)))
		return -EINTR;
	seq_puts(m, "the module's answer\n");
	return 0;
}

static int __init klp_callbacks_busy_init(void)
{
	if (!proc_create_single("klp_busy", 0444, NULL, busy_show))
		return -ENOMEM;
	return 0;
}

static void __exit klp_callbacks_busy_exit(void)
{
	remove_proc_entry("klp_busy", NULL);
}

module_init(klp_callbacks_busy_init);
module_exit(klp_callbacks_busy_exit);
MODULE_DESCRIPTION("Target of livepatch-callbacks that can hold a transition up");
MODULE_LICENSE("GPL");
