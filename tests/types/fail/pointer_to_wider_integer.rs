// SPDX-License-Identifier: GPL-2.0-only

//! Declares a pointer to an integer of another size.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "proc_dointvec_minmax",
            description = "A patch that is wrong", license = "GPL")]
fn minmax(
    _table: *const c_void,
    _write: i32,
    _buffer: *mut c_void,
    _length: *mut u32,
    _position: *mut i64,
) -> Result {
    Ok(())
}
