// SPDX-License-Identifier: GPL-2.0-only

//! Writes to a structure that is constant in C.
//!
//! Refused: usage of an `unsafe` block

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("seq_operations")]
pub struct Operations {
    #[write(unsafe)]
    show: *mut c_void,
}

#[livepatch(object = "vmlinux", replaces = "seq_open", description = "Test patch", license = "GPL")]
fn open(_file: *mut File, operations: &Operations) -> i32 {
    operations.set_show(core::ptr::null_mut());
    0
}
