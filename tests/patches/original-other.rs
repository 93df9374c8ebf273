// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function of a module that `originals` replaces, too.

use klp::prelude::*;

#[livepatch(object = "klp_originals", replaces = "originals_check",
            description = "Test patch", license = "GPL")]
fn check(_number: i32) -> Result {
    Ok(())
}
