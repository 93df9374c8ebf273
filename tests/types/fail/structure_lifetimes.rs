// SPDX-License-Identifier: GPL-2.0-only

//! Keeps followed pointers beyond the structure or the guard that they came from.

use klp::prelude::*;

#[kernel_struct("task_struct")]
struct Process {
    #[follow(unsafe)]
    group_leader: &Process,
    #[follow(rcu, unsafe)]
    real_parent: &Process,
}

fn parent(process: &Process) -> &Process {
    let guard = klp::rcu::read_lock();
    process.real_parent(&guard)
}

fn leader(process: Pin<KBox<Process>>) -> i32 {
    let leader = process.group_leader();
    drop(process);
    core::ptr::from_ref(leader).addr() as i32
}

fn kept(process: &Process) -> &'static Process {
    process.group_leader()
}

/// Only the owner of a structure may write to it.
fn written(process: &Owned) {
    process.set_pid(1);
}

#[kernel_struct("task_struct")]
struct Owned {
    #[write]
    pid: i32,
}

/// A zeroed structure would have `NULL` pointers.
fn made() {
    let _ = Process::zeroed();
}
