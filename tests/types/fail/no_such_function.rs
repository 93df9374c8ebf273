// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function that the kernel lacks.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_shw",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
