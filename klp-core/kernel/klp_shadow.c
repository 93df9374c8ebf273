// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks, memory and log lines of shadow variables. A core that is a module
 * leaves shadow variables to the C core.
 */
#define pr_fmt(fmt) "livepatch: " fmt

#include <linux/bug.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "klp_glue.h"

/* Guards changes of the shadow variables. */
static DEFINE_SPINLOCK(klp_shadow_spinlock);

unsigned long klp_shadow_lock_irqsave(void)
{
	unsigned long flags;

	spin_lock_irqsave(&klp_shadow_spinlock, flags);
	return flags;
}

void klp_shadow_unlock_irqrestore(unsigned long flags)
{
	spin_unlock_irqrestore(&klp_shadow_spinlock, flags);
}

void klp_rcu_read_lock(void)
{
	rcu_read_lock();
}

void klp_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

void *klp_zalloc(size_t size, gfp_t flags)
{
	return kzalloc(size, flags);
}

void klp_free(void *memory)
{
	kfree(memory);
}

/* From 7.3 on, @head has another type, which is no larger. */
void klp_free_after_rcu(void *head, void *memory)
{
	kvfree_call_rcu(head, memory);
}

void klp_warn_duplicate_shadow(void *obj, unsigned long id)
{
	WARN(1, "Duplicate shadow variable <%p, %lx>\n", obj, id);
}

void klp_error_shadow_constructor(void *obj, unsigned long id, int err)
{
	pr_err("Failed to construct shadow variable <%p, %lx> (%d)\n", obj, id, err);
}
