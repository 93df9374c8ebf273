// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a variable instead of a function.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "saved_command_line",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
