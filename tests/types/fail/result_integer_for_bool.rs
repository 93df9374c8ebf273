// SPDX-License-Identifier: GPL-2.0-only

//! An `int` where C looks at a `bool`.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "capable",
            description = "A patch that is wrong", license = "GPL")]
fn allowed(_capability: i32) -> Result {
    Ok(())
}
