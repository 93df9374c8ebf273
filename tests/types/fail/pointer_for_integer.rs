// SPDX-License-Identifier: GPL-2.0-only

//! Declares an `int` as a pointer.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: *mut c_void) -> bool {
    false
}
