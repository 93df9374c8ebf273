// SPDX-License-Identifier: GPL-2.0-only

//! Declares an integer of C as a `bool`.
//!
//! Refused: `i_mode`

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("inode")]
pub struct Inode {
    i_mode: bool,
}

#[livepatch(object = "vmlinux", replaces = "lock_two_nondirectories", description = "Test patch", license = "GPL")]
fn lock(one: &Inode, _other: &Inode) {
    pr_info!("{}\n", one.i_mode());
}
