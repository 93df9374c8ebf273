// SPDX-License-Identifier: GPL-2.0-only

//! Declares a reference to another structure.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &Task, _v: *mut c_void) -> Result {
    Ok(())
}
