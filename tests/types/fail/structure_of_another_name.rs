// SPDX-License-Identifier: GPL-2.0-only

//! Uses a view of one structure where C passes another.

use klp::prelude::*;

#[kernel_struct("list_head")]
struct List {
    next: *mut c_void,
    prev: *mut c_void,
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &List, _v: *mut c_void) -> Result {
    Ok(())
}
