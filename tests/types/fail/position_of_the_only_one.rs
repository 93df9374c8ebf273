// SPDX-License-Identifier: GPL-2.0-only

//! Has `sympos = 2` for a unique function.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", sympos = 2,
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
