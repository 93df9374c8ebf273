// SPDX-License-Identifier: GPL-2.0-only

//! Has more arguments than C passes.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void, _flags: u32, _more: u32) -> Result {
    Ok(())
}
