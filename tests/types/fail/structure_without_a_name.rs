// SPDX-License-Identifier: GPL-2.0-only

//! Uses a structure of the author that does not name the kernel's structure.

use klp::prelude::*;

#[repr(C)]
struct Sequence {
    buffer: *mut u8,
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: *mut Sequence, _v: *mut c_void) -> Result {
    Ok(())
}
