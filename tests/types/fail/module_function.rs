// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a module's function with other types than in the module.

use klp::prelude::*;

#[livepatch(object = "klp_greeter", replaces = "greeting_show",
            description = "A patch that is wrong", license = "GPL")]
fn greeting(_m: *mut c_void, _v: i32) -> Result {
    Ok(())
}
