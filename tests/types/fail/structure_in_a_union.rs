// SPDX-License-Identifier: GPL-2.0-only

//! Uses structures in unions, which are valid only while C uses the unions that way.

use klp::prelude::*;
use klp::sync::{Mutex, SpinLock};

#[kernel_struct("page")]
struct Page {
    lru: List,
}

#[kernel_struct("list_head")]
struct List {
    #[follow(unsafe)]
    next: &List,
}

#[kernel_struct("dentry")]
struct Dentry {
    #[path("d_lockref.lock")]
    lock: SpinLock,
}

#[kernel_struct("file")]
struct Opened {
    f_pos_lock: Mutex,
    /// Reading a number claims nothing.
    f_pipe: u64,
}
