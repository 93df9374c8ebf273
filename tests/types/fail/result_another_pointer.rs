// SPDX-License-Identifier: GPL-2.0-only

//! Returns a pointer to another structure.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "fget",
            description = "A patch that is wrong", license = "GPL")]
fn get(_file: u32) -> *mut klp::bindings::seq_file {
    core::ptr::null_mut()
}
