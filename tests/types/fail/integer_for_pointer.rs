// SPDX-License-Identifier: GPL-2.0-only

//! Declares a pointer as an `int`. The same mistake in C is compiled and loaded.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: i32, _v: *mut c_void) -> Result {
    Ok(())
}
