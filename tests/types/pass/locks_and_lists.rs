// SPDX-License-Identifier: GPL-2.0-only

//! Uses locks, counts and lists of the kernel's own structures, and static ones.

use klp::list::{HListNode, List, ListNode};
use klp::prelude::*;
use klp::rcu;
use klp::sync::{Atomic, Kref, Mutex, Refcount, RwSemaphore, SpinLock};

#[kernel_struct("super_block")]
struct SuperBlock {
    s_umount: RwSemaphore,
    s_active: Atomic<i32>,
    s_inode_list_lock: SpinLock,
    #[list(i_sb_list, unsafe)]
    s_inodes: List<Inode>,
    #[path("s_inodes")]
    #[list(i_sb_list, rcu, unsafe)]
    under_rcu: List<Inode>,
}

#[kernel_struct("inode")]
struct Inode {
    i_ino: u64,
    i_lock: SpinLock,
    #[write(unsafe)]
    i_count: Atomic<i32>,
    i_sb_list: ListNode,
    i_hash: HListNode,
}

#[kernel_struct("cred")]
struct Cred {
    usage: Atomic<i64>,
}

#[kernel_struct("user_struct")]
struct User {
    #[path("__count")]
    #[write(unsafe)]
    count: Refcount,
}

#[kernel_struct("kobject")]
struct Kobject {
    entry: ListNode,
    #[write(unsafe)]
    kref: Kref,
}

#[kernel_struct("dentry")]
struct Dentry {
    #[path("d_lockref.lock")]
    #[active(unsafe)]
    lock: SpinLock,
    d_lockref: LockRef,
}

/// The structure is a union with a lock in it.
#[kernel_struct("lockref")]
struct LockRef {
    #[active(unsafe)]
    lock: SpinLock,
    count: i32,
}

#[kernel_struct("file")]
struct Opened {
    #[active(unsafe)]
    f_pos_lock: Mutex,
    /// In no union: that is no mistake, as other kernels may have one.
    #[active(unsafe)]
    f_lock: SpinLock,
}

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static event_mutex: Mutex;
    safe static uts_sem: RwSemaphore;
}

#[livepatch(object = "vmlinux", replaces = "drop_super", description = "Walks", license = "GPL")]
fn walk(sb: &SuperBlock) {
    let _umount = sb.s_umount().read();
    let guard = sb.s_inode_list_lock().lock();
    for inode in sb.s_inodes() {
        let _inode = inode.i_lock().lock();
        if inode.i_count().inc_not_zero() {
            inode.i_count().dec_and_test();
        }
    }
    drop(guard);
    let rcu = rcu::read_lock();
    pr_info!("{} {}\n", sb.s_active(), sb.under_rcu(&rcu).iter().count());
}

#[allow(dead_code)]
fn in_unions(dentry: &Dentry, file: &Opened) -> i32 {
    let _pos = file.f_pos_lock().lock();
    drop(file.f_lock().lock());
    drop(dentry.lock().lock());
    let _dentry = dentry.d_lockref().lock().lock();
    dentry.d_lockref().count()
}
