// SPDX-License-Identifier: GPL-2.0-only

//! A cumulative patch that calls the original, as `original-cmdline` does.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "Test patch", license = "GPL", replace)]
fn cmdline(m: &SeqFile, v: *mut c_void) -> Result<i32> {
    seq_print!(m, "all new: ");
    let result = original(m, v);
    seq_print!(m, "after\n");
    result
}
