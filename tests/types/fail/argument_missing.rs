// SPDX-License-Identifier: GPL-2.0-only

//! Has fewer arguments than C passes.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile) -> Result {
    Ok(())
}
