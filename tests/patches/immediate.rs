// SPDX-License-Identifier: GPL-2.0-only

//! An immediate patch, of a function that tasks sleep in.

use klp::prelude::*;

#[livepatch(
    object = "klp_flaws",
    replaces = "klp_flaws_waiting_show",
    description = "Test patch",
    license = "GPL",
    immediate,
    unsafe
)]
fn waiting(_kobj: *mut c_void, _attr: *mut c_void, _buf: *mut c_void) -> Result<isize> {
    Err(ENODATA)
}
