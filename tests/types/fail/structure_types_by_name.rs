// SPDX-License-Identifier: GPL-2.0-only

//! Declares members with type names unknown to the macro: the compiler compares the types.

use klp::prelude::*;

type Size = u32;
type Length = isize;

#[kernel_struct("list_head")]
struct List;

type Elsewhere = *mut List;

#[kernel_struct("seq_file")]
struct Sequence {
    size: Size,
    count: Length,
    op: Elsewhere,
    lock: List,
}

#[kernel_struct("task_struct")]
struct Process {
    in_execve: Size,
    comm: [Length; 16],
    #[follow(unsafe)]
    cred: Option<&List>,
}
