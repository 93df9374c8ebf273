// SPDX-License-Identifier: GPL-2.0-only

//! Locks, reference counts and lists on the host.


use klp::list::{HList, HListNode, HListNulls, HListNullsNode, List, ListNode};
use klp::prelude::*;
use klp::sync::{self, Atomic, Full, Kref, Mutex, RawSpinLock, Refcount, Relaxed};
use klp::sync::{RwLock, RwSemaphore, SpinLock};
use klp::rcu;

#[kernel_struct("session")]
struct Session {
    /// Makes the following members unaligned: views have no padding on the host.
    #[write]
    kind: u8,
    lock: Mutex,
    fast: SpinLock,
    raw: RawSpinLock,
    rules: RwLock,
    tree: RwSemaphore,
    #[path("lockref.lock")]
    #[active(unsafe)]
    shared: SpinLock,
    #[write(unsafe)]
    refs: Refcount,
    #[path("owner.refs")]
    #[write(unsafe)]
    owner: Kref,
    #[write(unsafe)]
    uses: Atomic<i32>,
    #[path("uses_before")]
    #[write]
    before: Atomic<i64>,
    total: Atomic<i64>,
    counts: [Atomic<i32>; 2],
}

fn counted() {
    let mut session = Session::zeroed();
    session.set_kind(1);
    session.set_refs(Refcount::new(1));
    session.set_before(Atomic::new(-4));
    assert_eq!((session.before(), session.total()), (-4, 0));
    assert!(session.counts().iter().eq([0, 0]));

    assert!(session.refs().inc_not_zero());
    assert_eq!(session.refs().read(), 2);
    assert!(!session.refs().dec_and_test() && session.refs().dec_and_test());
    assert!(!session.refs().inc_not_zero());

    assert!(!session.owner().get_unless_zero());
    session.set_owner(Kref::new());
    assert!(session.owner().get_unless_zero());
    assert!(!session.owner().put() && session.owner().put());

    assert!(!session.uses().inc_not_zero());
    assert_eq!(session.uses().fetch_add(2, Full), 0);
    session.uses().add(1, Relaxed);
    assert!(session.uses().add_unless(1, 9));
    assert_eq!(session.uses().load(Relaxed), 4);
    assert_eq!(session.uses().cmpxchg(4, 1, Full), Ok(4));
    assert!(session.uses().dec_and_test());
    assert_eq!(session.kind(), 1);
}

fn locked() {
    let session = Session::zeroed();
    {
        let _guard = session.lock().lock();
        assert!(session.lock().try_lock().is_none());
    }
    assert!(session.lock().try_lock().is_some());
    drop((session.fast().lock_irqsave(), session.raw().lock_bh()));
    let (one, two) = (session.rules().read(), session.rules().read_bh());
    assert!(session.rules().try_write().is_none());
    drop((one, two));
    let _write = session.tree().write();
    let scope = sync::guard(
        session.fast(),
        |lock| core::mem::forget(lock.lock()),
        |_| {},
    );
    assert!(session.fast().try_lock().is_none());
    drop(scope);
}

#[kernel_struct("table")]
struct Table {
    lock: SpinLock,
    #[list(node, unsafe)]
    entries: List<Entry>,
    #[path("inner.peers")]
    #[list(node, rcu, unsafe)]
    peers: klp::list::List<Entry>,
    #[list(hash, unsafe)]
    bucket: HList<Entry>,
    #[list(nulls, rcu, unsafe)]
    nulls: HListNulls<Entry>,
}

#[kernel_struct("entry")]
struct Entry {
    key: u32,
    node: ListNode,
    hash: HListNode,
    nulls: HListNullsNode,
}

#[allow(dead_code)]
fn listed(table: &Table, key: u32) -> Option<u32> {
    let _guard = table.lock().lock();
    for entry in table.entries() {
        if entry.key() == key {
            return Some(0);
        }
    }
    let guard = rcu::read_lock();
    let peer = table.peers(&guard).iter().find(|entry| entry.key() == key);
    let none = table.bucket().is_empty() && table.nulls(&guard).first().is_none();
    peer.map(Entry::key).filter(|_| !none)
}

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static event_mutex: Mutex;
    safe static uts_sem: RwSemaphore;
    safe static nr_ioapics: Atomic<i32>;
    safe fn lock_it(lock: &SpinLock, count: &Refcount);
}

fn statics() {
    drop((event_mutex.lock(), uts_sem.read()));
    assert_eq!(nr_ioapics.load(Relaxed), 0);
}

fn shared<T: Send + Sync>() {}

fn main() {
    counted();
    locked();
    statics();
    shared::<Session>();
    shared::<Table>();
}
