// SPDX-License-Identifier: GPL-2.0-only

//! A structure in a union is one only while C uses the union so.

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
