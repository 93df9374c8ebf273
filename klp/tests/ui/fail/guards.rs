// SPDX-License-Identifier: GPL-2.0-only

//! Guards that are sent or stored, entries that outlive their guard, and a change of a read-only count.

use klp::list::{List, ListNode};
use klp::prelude::*;
use klp::sync::{mode, Atomic, Full, Guard, Mutex, SpinLock};
use klp::rcu;

#[kernel_struct("session")]
struct Session {
    lock: Mutex,
    fast: SpinLock,
    uses: Atomic<i32>,
    node: ListNode,
    #[list(node, rcu, unsafe)]
    children: List<Session>,
}

fn elsewhere(_: impl Send) {}

fn sent(session: &Session) {
    elsewhere(session.fast().lock());
}

fn kept(session: &Session) -> Guard<'static, Mutex, mode::Exclusive> {
    session.lock().lock()
}

fn walked(session: &Session) -> Option<&Session> {
    let guard = rcu::read_lock();
    session.children(&guard).first()
}

fn counted(session: &Session) {
    session.uses().fetch_add(1, Full);
}

fn main() {}
