// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that issues a ticket for each read of /proc/klp_ticket, without a
 * limit. The patches livepatch-state-old and livepatch-state-new limit it.
 *
 * While the parameter "busy" is set, readers wait.
 */
#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(idle);
static bool busy;
static unsigned int limit = UINT_MAX;
static atomic_t given = ATOMIC_INIT(0);

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
MODULE_PARM_DESC(busy, "Whether readers of /proc/klp_ticket have to wait");
module_param(limit, uint, 0444);
MODULE_PARM_DESC(limit, "How many tickets there are");

/* Not inlined, so that it can be replaced. */
static noinline bool klp_ticket_allowed(unsigned int number)
{
	return number <= limit;
}

static int ticket_show(struct seq_file *m, void *v)
{
	unsigned int number;

	if (wait_event_killable(idle, !READ_ONCE(busy)))
		return -EINTR;
	number = atomic_inc_return(&given);
	if (!klp_ticket_allowed(number))
		return -EBUSY;
	seq_printf(m, "ticket %u\n", number);
	return 0;
}

static int __init klp_tickets_init(void)
{
	if (!proc_create_single("klp_ticket", 0444, NULL, ticket_show))
		return -ENOMEM;
	return 0;
}

static void __exit klp_tickets_exit(void)
{
	remove_proc_entry("klp_ticket", NULL);
}

module_init(klp_tickets_init);
module_exit(klp_tickets_exit);
MODULE_DESCRIPTION("Target of livepatch-state-old and livepatch-state-new");
MODULE_LICENSE("GPL");
