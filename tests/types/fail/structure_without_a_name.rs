// SPDX-License-Identifier: GPL-2.0-only

//! A structure of the author's that does not say which of the kernel's it is.

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
