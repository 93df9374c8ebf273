// SPDX-License-Identifier: GPL-2.0-only

//! Returns a dangling pointer, which C dereferences.
//!
//! Refused without unsafe: is `char *` in C, and its callers follow it: write `-> Returned<c_char>`

#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "kstrdup", description = "Test patch", license = "GPL"/* unsafe */)]
fn duplicate(_s: *const c_char, _gfp: u32) -> *mut c_char {
    let mut text = [0; 8];
    text.as_mut_ptr()
}
