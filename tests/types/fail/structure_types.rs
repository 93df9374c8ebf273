// SPDX-License-Identifier: GPL-2.0-only

//! Members of other types than in C.

use klp::prelude::*;

#[kernel_struct("seq_file")]
struct Sequence {
    size: u32,
    count: isize,
    index: usize,
    poll_event: bool,
    buf: usize,
    op: *mut List,
    lock: List,
    private: u64,
}

#[kernel_struct("list_head")]
struct List;

#[kernel_struct("sock_common")]
struct Common {
    /// An `unsigned char`, in which there may be any value.
    skc_state: bool,
    skc_reuse: u8,
    skc_v6_daddr: u32,
}

#[kernel_struct("task_struct")]
struct Process {
    in_execve: u32,
    sched_reset_on_fork: i8,
    comm: [u8; 17],
    thread_node: [List; 1],
    rcu_users: Count,
    #[follow(unsafe)]
    pid: &List,
    #[follow(unsafe)]
    cred: &List,
}

/// One name for an integer, and C's is a structure.
type Count = u32;
