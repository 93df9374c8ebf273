// SPDX-License-Identifier: GPL-2.0-only

//! A pointer to another structure as the result.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "fget",
            description = "A patch that is wrong", license = "GPL")]
fn get(_file: u32) -> *mut klp::bindings::seq_file {
    core::ptr::null_mut()
}
