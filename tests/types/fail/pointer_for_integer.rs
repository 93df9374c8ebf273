// SPDX-License-Identifier: GPL-2.0-only

//! A pointer where an `int` belongs.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: *mut c_void) -> bool {
    false
}
