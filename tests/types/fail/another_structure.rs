// SPDX-License-Identifier: GPL-2.0-only

//! Declares a pointer to another structure of the kernel.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: *mut klp::bindings::file, _v: *mut c_void) -> Result {
    Ok(())
}
