// SPDX-License-Identifier: GPL-2.0-only

//! Has claims that nothing checks, without `unsafe`.

use klp::prelude::*;

#[kernel_struct("seq_file")]
struct Sequence {
    op: &'static Operations,
    file: Option<&File>,
    #[follow]
    private: Option<&Task>,
    #[follow(rcu)]
    buf: &CStr,
}

#[kernel_struct("seq_operations")]
struct Operations;

#[kernel_struct("group_info")]
struct Groups {
    ngroups: i32,
    #[counted_by(ngroups)]
    gid: [Kgid],
}

#[kernel_struct("kgid_t")]
struct Kgid {
    val: u32,
}

#[kernel_struct("sched_entity")]
struct Entity {
    #[container_of]
    run_node: Node,
}

#[kernel_struct("rb_node")]
struct Node;

#[kernel_struct("file")]
struct Opened {
    #[active]
    f_pos_lock: klp::sync::Mutex,
}
