// SPDX-License-Identifier: GPL-2.0-only

//! Returns an `int` where C expects a `bool`.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: i32) -> Result {
    Ok(())
}
