// SPDX-License-Identifier: GPL-2.0-only
/* Wrappers of locks that are inline functions or macros in C. */
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

void klp_c___mutex_init(struct mutex *lock, const char *name,
			struct lock_class_key *key);
void klp_c___mutex_init(struct mutex *lock, const char *name,
			struct lock_class_key *key)
{
	__mutex_init(lock, name, key);
}

void klp_c_spin_lock(spinlock_t *lock);
void klp_c_spin_lock(spinlock_t *lock)
{
	spin_lock(lock);
}

void klp_c_spin_unlock(spinlock_t *lock);
void klp_c_spin_unlock(spinlock_t *lock)
{
	spin_unlock(lock);
}

int klp_c_spin_trylock(spinlock_t *lock);
int klp_c_spin_trylock(spinlock_t *lock)
{
	return spin_trylock(lock);
}

void klp_c_rcu_read_lock(void);
void klp_c_rcu_read_lock(void)
{
	rcu_read_lock();
}

void klp_c_rcu_read_unlock(void);
void klp_c_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

/* These functions are inline in some configurations. */
#define KLP_RAW(kind, type, name)					\
	void klp_c__raw_##kind##_##name(type *lock);			\
	void klp_c__raw_##kind##_##name(type *lock)			\
	{								\
		_raw_##kind##_##name(lock);				\
	}

#define KLP_RAW_ALL(kind, type, take)					\
	KLP_RAW(kind, type, take)					\
	KLP_RAW(kind, type, take##_irq)					\
	KLP_RAW(kind, type, take##_bh)					\
	KLP_RAW(kind, type, un##take)					\
	KLP_RAW(kind, type, un##take##_irq)				\
	KLP_RAW(kind, type, un##take##_bh)				\
	int klp_c__raw_##kind##_try##take(type *lock);			\
	int klp_c__raw_##kind##_try##take(type *lock)			\
	{								\
		return _raw_##kind##_try##take(lock);			\
	}								\
	unsigned long klp_c__raw_##kind##_##take##_irqsave(type *lock);	\
	unsigned long klp_c__raw_##kind##_##take##_irqsave(type *lock)	\
	{								\
		return _raw_##kind##_##take##_irqsave(lock);		\
	}								\
	void klp_c__raw_##kind##_un##take##_irqrestore(type *lock,	\
						       unsigned long flags); \
	void klp_c__raw_##kind##_un##take##_irqrestore(type *lock,	\
						       unsigned long flags) \
	{								\
		_raw_##kind##_un##take##_irqrestore(lock, flags);	\
	}

KLP_RAW_ALL(spin, raw_spinlock_t, lock)
#ifndef CONFIG_PREEMPT_RT
KLP_RAW_ALL(read, rwlock_t, lock)
KLP_RAW_ALL(write, rwlock_t, lock)
#endif
