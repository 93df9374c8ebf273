// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function that the module lacks.

use klp::prelude::*;

#[livepatch(object = "klp_greeter", replaces = "greeting_shwo",
            description = "A patch that is wrong", license = "GPL")]
fn greeting(_m: *mut c_void, _v: *mut c_void) -> Result {
    Ok(())
}
