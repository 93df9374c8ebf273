// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module with locks, counts and lists, for the patch `sync`.
 *
 *     echo 1 > step     calls klp_sync_step(), which does nothing until it is patched
 *     cat state         shows the counts, and which locks are held
 */
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/list_nulls.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>

struct klp_sync_entry {
	u32 key;
	struct list_head node;
	struct hlist_node hash;
	struct hlist_nulls_node nulls;
};

struct klp_sync {
	u8 kind;
	struct mutex mutex;
	spinlock_t spin;
	raw_spinlock_t raw;
	rwlock_t rw;
	struct rw_semaphore sem;
	union {
		u64 number;
		struct {
			u32 users;
			struct mutex inner;
		};
	};
	refcount_t refs;
	refcount_t none;
	struct kref kref;
	atomic_t uses;
	atomic64_t total;
	atomic_long_t pages;
	struct list_head entries;
	struct list_head empty;
	struct list_head rcu;
	struct hlist_head bucket;
	struct hlist_nulls_head nulls;
};

/* A static lock, which patches find by name. */
static DEFINE_MUTEX(klp_sync_mutex);

/* A list whose head is a variable. */
static LIST_HEAD(klp_sync_list);

static struct klp_sync target;
static struct klp_sync_entry entries[3], others[2], listed[2];

/*
 * Not static, so that the compiler keeps the arguments. The patch calls the last three.
 */
int klp_sync_step(struct klp_sync *sync);
void klp_sync_enter(struct klp_sync *sync);
void klp_sync_leave(struct klp_sync *sync);
unsigned int klp_sync_held(struct klp_sync *sync);

noinline int klp_sync_step(struct klp_sync *sync)
{
	return refcount_read(&sync->refs) ? 0 : -EINVAL;
}

/* A pair of functions like lock_sock() and release_sock(). */
noinline void klp_sync_enter(struct klp_sync *sync)
{
	mutex_lock(&sync->mutex);
}

noinline void klp_sync_leave(struct klp_sync *sync)
{
	mutex_unlock(&sync->mutex);
}

static bool rw_is_held(rwlock_t *lock)
{
	if (!write_trylock(lock))
		return true;
	write_unlock(lock);
	return false;
}

/* With lockdep, its view of a lock has to match the lock's state. */
#ifdef CONFIG_LOCKDEP
#define LOCKDEP_ERRS(lock, held)	(debug_locks && !!lockdep_is_held(lock) != !!(held))
#else
#define LOCKDEP_ERRS(lock, held)	false
#endif

static bool lockdep_errs(struct klp_sync *sync)
{
	return LOCKDEP_ERRS(&sync->mutex, mutex_is_locked(&sync->mutex)) ||
	       LOCKDEP_ERRS(&sync->spin, spin_is_locked(&sync->spin)) ||
	       LOCKDEP_ERRS(&sync->raw, raw_spin_is_locked(&sync->raw)) ||
	       LOCKDEP_ERRS(&sync->rw, rw_is_held(&sync->rw)) ||
	       LOCKDEP_ERRS(&sync->sem, rwsem_is_locked(&sync->sem)) ||
	       LOCKDEP_ERRS(&klp_sync_mutex, mutex_is_locked(&klp_sync_mutex));
}

/*
 * Returns a bit for each held lock, for disabled interrupts and softirqs, and for a mismatch with
 * lockdep.
 */
noinline unsigned int klp_sync_held(struct klp_sync *sync)
{
	return lockdep_errs(sync) << 15 |
	       mutex_is_locked(&sync->mutex) |
	       spin_is_locked(&sync->spin) << 1 |
	       raw_spin_is_locked(&sync->raw) << 2 |
	       rw_is_held(&sync->rw) << 3 |
	       !!rwsem_is_locked(&sync->sem) << 4 |
	       mutex_is_locked(&klp_sync_mutex) << 5 |
	       !!irqs_disabled() << 6 |
	       !!softirq_count() << 7 |
	       mutex_is_locked(&sync->inner) << 8;
}

static int step_set(const char *value, const struct kernel_param *param)
{
	return klp_sync_step(&target);
}

static int state_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%u %u %u %d %lld %ld %x\n",
			  refcount_read(&target.refs), refcount_read(&target.none),
			  kref_read(&target.kref), atomic_read(&target.uses),
			  atomic64_read(&target.total), atomic_long_read(&target.pages),
			  klp_sync_held(&target));
}

static const struct kernel_param_ops step_ops = { .set = step_set };
static const struct kernel_param_ops state_ops = { .get = state_get };

module_param_cb(step, &step_ops, NULL, 0200);
MODULE_PARM_DESC(step, "calls klp_sync_step()");
module_param_cb(state, &state_ops, NULL, 0444);
MODULE_PARM_DESC(state, "the counts, and which locks are held");

static void __init add(struct klp_sync_entry *entry, u32 key)
{
	entry->key = key;
	list_add_tail(&entry->node, &target.entries);
	hlist_add_head(&entry->hash, &target.bucket);
	hlist_nulls_add_head(&entry->nulls, &target.nulls);
}

static int __init klp_sync_target_init(void)
{
	unsigned int i;

	mutex_init(&target.mutex);
	spin_lock_init(&target.spin);
	raw_spin_lock_init(&target.raw);
	rwlock_init(&target.rw);
	init_rwsem(&target.sem);
	mutex_init(&target.inner);
	refcount_set(&target.refs, 1);
	kref_init(&target.kref);
	atomic_set(&target.uses, 5);
	atomic64_set(&target.total, 1LL << 40);
	INIT_LIST_HEAD(&target.entries);
	INIT_LIST_HEAD(&target.empty);
	INIT_LIST_HEAD(&target.rcu);
	INIT_HLIST_HEAD(&target.bucket);
	INIT_HLIST_NULLS_HEAD(&target.nulls, 7);
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		add(&entries[i], i + 1);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i].key = 10 * (i + 1);
		list_add_tail_rcu(&others[i].node, &target.rcu);
		listed[i].key = 7 - i;
		list_add_tail(&listed[i].node, &klp_sync_list);
	}
	return 0;
}

static void __exit klp_sync_target_exit(void)
{
}

module_init(klp_sync_target_init);
module_exit(klp_sync_target_exit);
MODULE_DESCRIPTION("Target of the test patch `sync`");
MODULE_LICENSE("GPL");
