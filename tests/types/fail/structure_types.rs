// SPDX-License-Identifier: GPL-2.0-only

//! Declares members with other types than in C.

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
    /// An `unsigned char` in C, which may have any value.
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

/// A name of an integer type, where C has a structure.
type Count = u32;
