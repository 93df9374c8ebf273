// SPDX-License-Identifier: GPL-2.0-only

//! Returns a `long` where C expects an `int`.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result<isize> {
    Ok(0)
}
