// SPDX-License-Identifier: GPL-2.0-only

//! Declares a 32-bit integer with 64 bits.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: i64) -> bool {
    false
}
