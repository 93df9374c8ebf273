// SPDX-License-Identifier: GPL-2.0-only

//! Declares a structure that C passes by value as an integer.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "make_vfsuid",
            description = "A patch that is wrong", license = "GPL")]
fn make(
    _idmap: *mut c_void,
    _namespace: *mut c_void,
    kuid: u32,
) -> u32 {
    kuid
}
