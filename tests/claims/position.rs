// SPDX-License-Identifier: GPL-2.0-only

//! Declares a pointer that may be `NULL` as the position of a handler.
//!
//! Refused: `vfs_read` is not a `proc_handler`

#![forbid(unsafe_code)]

use klp::prelude::*;
use klp::sysctl::Position;

#[livepatch(object = "vmlinux", replaces = "vfs_read", description = "Test patch", license = "GPL")]
fn read(_: &File, _: *mut c_char, _: usize, position: Position<'_>) -> Result<isize> {
    match position.get() {
        0 => Ok(0),
        _ => Err(EINVAL),
    }
}
