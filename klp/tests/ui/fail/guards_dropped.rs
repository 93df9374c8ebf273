// SPDX-License-Identifier: GPL-2.0-only

//! Guards that are dropped immediately.

#![deny(unused_must_use)]

use klp::prelude::*;
use klp::sync::{self, Mutex, Refcount, RwLock};

#[kernel_struct("session")]
struct Session {
    lock: Mutex,
    rules: RwLock,
    #[write(unsafe)]
    refs: Refcount,
}

fn dropped(session: &Session) {
    session.lock().lock();
    session.rules().read_irqsave();
    sync::guard(session, |_| {}, |_| {});
    session.refs().inc_not_zero();
}

fn main() {}
