// SPDX-License-Identifier: GPL-2.0-only

//! Has malformed attributes of members.

use klp::prelude::*;

#[kernel_struct("task_struct", wih = "pid")]
struct Keys {
    pid: i32,
}

#[kernel_struct("task_struct")]
#[derive(Clone, Debug)]
struct Process {
    #[path(pid)]
    pid: i32,
    #[path("se..on_rq")]
    on_rq: u8,
    #[write(usafe)]
    personality: u32,
    #[write = "unsafe"]
    exit_code: i32,
    #[follow(unsafe)]
    group_leader: *mut Task,
    #[follow(unsafe)]
    real_parent: &'static Task,
    #[follow(unsafe)]
    parent: &mut Task,
    #[follow(rcu, unsafe)]
    #[write(unsafe)]
    cred: &Credential,
    #[follow(unsafe)]
    #[write]
    mm: Option<&Mm>,
    #[active(unsafe)]
    #[follow(unsafe)]
    nsproxy: Option<&Mm>,
    #[active(yes)]
    static_prio: i32,
    #[cfg(test)]
    tgid: i32,
}

#[kernel_struct("group_info")]
struct Groups {
    #[counted_by(ngroups, unsafe)]
    gid: [u32],
    #[counted_by]
    usage: u32,
}

#[kernel_struct("group_info")]
struct Counted {
    #[write]
    ngroups: i32,
    #[counted_by(ngroups, unsafe)]
    gid: [Kgid],
}

#[kernel_struct("pipe_inode_info")]
struct Pipe {
    ring_size: u32,
    #[counted_by(ring_size, unsafe)]
    #[write(unsafe)]
    bufs: &[Kgid],
}

#[kernel_struct("group_info")]
struct Uncounted {
    gid: [Kgid],
}

#[kernel_struct("kgid_t")]
struct Kgid {
    val: u32,
}
