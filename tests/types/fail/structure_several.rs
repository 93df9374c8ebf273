// SPDX-License-Identifier: GPL-2.0-only

//! Declares a view of one of several structures with the same name.

use klp::prelude::*;

#[kernel_struct("irq_info")]
struct Handle;

#[kernel_struct("irq_info")]
struct Both {
    irq: i32,
}

/// Only one has this member.
#[kernel_struct("irq_info")]
struct One {
    slot: u8,
}

#[kernel_struct("irq_info", of = "version_proc_show")]
struct Other {
    irq: i32,
}

#[kernel_struct("irq_info", of = "no_such_function")]
struct None {
    irq: i32,
}
