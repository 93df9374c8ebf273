// SPDX-License-Identifier: GPL-2.0-only

//! 64 bits where C has 32.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: i64) -> bool {
    false
}
