// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers of /proc/klp_held wait in klp_held_wait(), uninterruptibly, until a task writes to the file.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

#include "klp_held.h"

static DECLARE_WAIT_QUEUE_HEAD(queue);
static unsigned int released;

/* The patches wait in here, too. */
void klp_held_sleep(void)
{
	unsigned int now = READ_ONCE(released);

	wait_event(queue, READ_ONCE(released) != now);
}
EXPORT_SYMBOL_GPL(klp_held_sleep);

noinline void klp_held_wait(struct seq_file *m)
{
	klp_held_sleep();
	seq_puts(m, "original\n");
}
EXPORT_SYMBOL_GPL(klp_held_wait);

static int show(struct seq_file *m, void *v)
{
	klp_held_wait(m);
	return 0;
}

static int open(struct inode *inode, struct file *file)
{
	return single_open(file, show, NULL);
}

static ssize_t release_all(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	WRITE_ONCE(released, released + 1);
	wake_up_all(&queue);
	return len;
}

static const struct proc_ops ops = {
	.proc_open = open,
	.proc_read = seq_read,
	.proc_write = release_all,
	.proc_release = single_release,
};

static int __init klp_held_init(void)
{
	return proc_create("klp_held", 0600, NULL, &ops) ? 0 : -ENOMEM;
}

static void __exit klp_held_exit(void)
{
	remove_proc_entry("klp_held", NULL);
}

module_init(klp_held_init);
module_exit(klp_held_exit);
MODULE_DESCRIPTION("Blocks its readers");
MODULE_LICENSE("GPL");
