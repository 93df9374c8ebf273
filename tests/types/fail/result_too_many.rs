// SPDX-License-Identifier: GPL-2.0-only

//! Returns a result where C expects none.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "kvfree",
            description = "A patch that is wrong", license = "GPL")]
fn free(_p: *const c_void) -> Result {
    Ok(())
}
