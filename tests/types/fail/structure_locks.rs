// SPDX-License-Identifier: GPL-2.0-only

//! Declares other locks and counts than C has, and a lock in a union.

use klp::prelude::*;
use klp::sync::{Atomic, Mutex, Refcount, RwLock, SpinLock};

#[kernel_struct("inode")]
struct Inode {
    i_lock: Mutex,
    i_rwsem: RwLock,
    i_count: i32,
    i_sb_list: SpinLock,
}

#[kernel_struct("inode")]
struct Other {
    #[write(unsafe)]
    i_count: Refcount,
    #[path("i_count.counter")]
    number: Atomic<i32>,
    i_sb_list: *mut c_void,
    #[write(unsafe)]
    i_lock: SpinLock,
}

#[kernel_struct("file")]
struct OpenFile {
    f_pos_lock: Mutex,
    #[path("f_op")]
    operations: SpinLock,
}
