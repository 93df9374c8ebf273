// SPDX-License-Identifier: GPL-2.0-only

//! Reads what an error pointer points to.
//!
//! Harmless: an error pointer is `None`.

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("dentry")]
pub struct Dentry {
    d_flags: u32,
}

#[livepatch(object = "vmlinux", replaces = "dput", description = "Test patch", license = "GPL")]
fn put(dentry: Option<&Dentry>) {
    if let Some(dentry) = dentry {
        pr_info!("{}\n", dentry.d_flags());
    }
}
