// SPDX-License-Identifier: GPL-2.0-only

//! Declares a signed integer as unsigned.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: u32) -> bool {
    false
}
