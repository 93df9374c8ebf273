// SPDX-License-Identifier: GPL-2.0-only

//! Takes locks of every kind in every mode, counts, and walks lists.

use klp::list::{HList, HListNode, HListNulls, HListNullsNode, List, ListNode};
use klp::prelude::*;
use klp::rcu;
use klp::sync::{self, Atomic, Full, Kref, Mutex, RawSpinLock, Refcount, Relaxed};
use klp::sync::{RwLock, RwSemaphore, SpinLock, StaticMutex};

/// A lock that belongs to the patch.
static OWN: StaticMutex = StaticMutex::new();

#[kernel_struct("klp_sync", object = "klp_sync_target")]
struct Target {
    mutex: Mutex,
    spin: SpinLock,
    raw: RawSpinLock,
    rw: RwLock,
    sem: RwSemaphore,
    /// In a union.
    #[active(unsafe)]
    inner: Mutex,
    #[write(unsafe)]
    refs: Refcount,
    #[write(unsafe)]
    none: Refcount,
    #[write(unsafe)]
    kref: Kref,
    #[write(unsafe)]
    uses: Atomic<i32>,
    #[write(unsafe)]
    total: Atomic<i64>,
    #[write(unsafe)]
    pages: Atomic<i64>,
    #[path("uses")]
    uses_read: Atomic<i32>,
    #[list(node, unsafe)]
    entries: List<Entry>,
    #[list(node, unsafe)]
    empty: List<Entry>,
    #[list(node, rcu, unsafe)]
    rcu: List<Entry>,
    #[list(hash, unsafe)]
    bucket: HList<Entry>,
    #[list(nulls, rcu, unsafe)]
    nulls: HListNulls<Entry>,
}

#[kernel_struct("klp_sync_entry", object = "klp_sync_target")]
struct Entry {
    key: u32,
    node: ListNode,
    hash: HListNode,
    nulls: HListNullsNode,
}

#[kernel_struct("list_head", object = "klp_sync_target")]
struct Entries {
    #[path("self")]
    #[list(node, unsafe)]
    all: List<Entry>,
}

#[klp::symbols(object = "klp_sync_target")]
unsafe extern "C" {
    safe static klp_sync_mutex: Mutex;
    safe static klp_sync_list: Entries;
    safe fn klp_sync_held(sync: &Target) -> u32;
    safe fn klp_sync_enter(sync: &Target);
    safe fn klp_sync_leave(sync: &Target);
}

#[livepatch(object = "klp_sync_target", replaces = "klp_sync_step",
            description = "Test patch", license = "GPL")]
fn step(target: &Target) -> Result {
    sleeping(target);
    spinning(target);
    reading(target);
    attempts(target);
    counts(target);
    lists(target);
    pr_info!("code {} {}\n", one_lock(target), one_walk(target));
    Ok(())
}

/// Logs which locks are held while a guard lives, and after.
macro_rules! held {
    ($target:ident, $what:literal, $guard:expr) => {
        let guard = $guard;
        let held = klp_sync_held($target);
        drop(guard);
        pr_info!("{} {:x} {:x}\n", $what, held, klp_sync_held($target));
    };
}

#[inline(never)]
fn sleeping(target: &Target) {
    held!(target, "mutex", target.mutex().lock());
    held!(target, "inner", target.inner().lock());
    held!(target, "static", klp_sync_mutex.lock());
    held!(target, "own", OWN.lock());
    held!(target, "own-again", (OWN.lock(), target.mutex().lock()).1);
    held!(target, "sem-read", target.sem().read());
    held!(target, "sem-write", target.sem().write());
    held!(
        target,
        "pair",
        sync::guard(target, |it| klp_sync_enter(it), |it| klp_sync_leave(it))
    );
}

#[inline(never)]
fn spinning(target: &Target) {
    held!(target, "spin", target.spin().lock());
    held!(target, "spin-irq", target.spin().lock_irq());
    held!(target, "spin-irqsave", target.spin().lock_irqsave());
    held!(target, "spin-bh", target.spin().lock_bh());
    held!(target, "raw", target.raw().lock());
    held!(target, "raw-irq", target.raw().lock_irq());
    held!(target, "raw-irqsave", target.raw().lock_irqsave());
    held!(target, "raw-bh", target.raw().lock_bh());
    // Interrupts stay disabled if they were. The raw lock is the inner one, because with PREEMPT_RT the other sleeps.
    held!(
        target,
        "nested",
        (target.spin().lock_irqsave(), target.raw().lock_irqsave()).0
    );
}

#[inline(never)]
fn reading(target: &Target) {
    held!(target, "read", target.rw().read());
    held!(target, "read-irq", target.rw().read_irq());
    held!(target, "read-irqsave", target.rw().read_irqsave());
    held!(target, "read-bh", target.rw().read_bh());
    held!(target, "write", target.rw().write());
    held!(target, "write-irq", target.rw().write_irq());
    held!(target, "write-irqsave", target.rw().write_irqsave());
    held!(target, "write-bh", target.rw().write_bh());
}

/// Counts the locks that can be taken, and those that can while they are held.
#[inline(never)]
fn attempts(target: &Target) {
    let free = taken(target.mutex().try_lock())
        + taken(target.spin().try_lock())
        + taken(target.raw().try_lock())
        + taken(target.rw().try_read())
        + taken(target.rw().try_write())
        + taken(target.sem().try_read())
        + taken(target.sem().try_write())
        + taken(target.mutex().lock_interruptible().ok())
        + taken(target.mutex().lock_killable().ok())
        + taken(target.sem().read_killable().ok())
        + taken(target.sem().write_killable().ok());
    let guards = (target.mutex().lock(), target.sem().write());
    let held = taken(target.mutex().try_lock())
        + taken(target.sem().try_read())
        + taken(target.sem().try_write());
    drop(guards);
    let guard = target.rw().write();
    let held = held + taken(target.rw().try_read());
    drop(guard);
    pr_info!("attempts {} {} {:x}\n", free, held, klp_sync_held(target));
}

/// Whether there is a guard, which is dropped at once.
fn taken<G>(guard: Option<G>) -> u8 {
    guard.is_some().into()
}

#[inline(never)]
fn counts(target: &Target) {
    let taken = (target.refs().inc_not_zero(), target.none().inc_not_zero());
    pr_info!("refs {:?} {}\n", taken, target.refs().read());
    pr_info!("dropped {} {}\n", target.refs().dec_and_test(), target.refs().read());
    target.kref().get();
    pr_info!("kref {} {}\n", target.kref().get_unless_zero(), target.kref().put());
    let before = target.uses().fetch_add(2, Full);
    let exchanged = target.uses().cmpxchg(0, 1, Full);
    pr_info!("uses {} {:?} {}\n", before, exchanged, target.uses_read());
    pr_info!("total {}\n", target.total().fetch_sub(1, Relaxed));
    let pages = (target.pages().inc_not_zero(), target.pages().add_unless(3, 1));
    pr_info!("pages {:?} {}\n", pages, target.pages().dec_and_test());
}

#[inline(never)]
fn lists(target: &Target) {
    let guard = target.mutex().lock();
    let mut sum = 0;
    for entry in target.entries() {
        sum = 10 * sum + entry.key();
    }
    pr_info!("list {} {}\n", sum, target.empty().is_empty());
    drop(guard);
    let guard = rcu::read_lock();
    let keys = target.rcu(&guard).iter().map(Entry::key);
    pr_info!("rcu {}\n", keys.fold(0, |sum, key| 100 * sum + key));
    let keys = target.bucket().iter().map(Entry::key);
    pr_info!("hlist {}\n", keys.fold(0, |sum, key| 10 * sum + key));
    let keys = target.nulls(&guard).iter().map(Entry::key);
    pr_info!("nulls {}\n", keys.fold(0, |sum, key| 10 * sum + key));
    let keys = klp_sync_list.all().iter().map(Entry::key);
    pr_info!("variable {}\n", keys.fold(0, |sum, key| 10 * sum + key));
    let first = target.entries().first().map(Entry::key);
    pr_info!("first {:?} {:?}\n", first, target.empty().first().map(Entry::key));
}

/// xtask counts the memory accesses of these functions in the module.
#[inline(never)]
fn one_lock(target: &Target) -> u32 {
    let _guard = target.spin().lock_irqsave();
    7
}

#[inline(never)]
fn one_walk(target: &Target) -> u32 {
    target.bucket().iter().map(Entry::key).sum()
}
