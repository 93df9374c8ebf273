// SPDX-License-Identifier: GPL-2.0-only

//! Dereferences an error pointer.
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
