// SPDX-License-Identifier: GPL-2.0-only

//! Reads a member that another view of the same structure may write.
//!
//! Harmless: each access is a separate load or store.

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("inode")]
pub struct Inode {
    i_mode: u16,
}

#[livepatch(object = "vmlinux", replaces = "lock_two_nondirectories", description = "Test patch", license = "GPL")]
fn lock(one: &Inode, other: &Inode) {
    if one.i_mode() != other.i_mode() {
        pr_info!("{}\n", one.i_mode());
    }
}
