// SPDX-License-Identifier: GPL-2.0-only

//! An integer that cannot be negative where C's can.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: u32) -> bool {
    false
}
