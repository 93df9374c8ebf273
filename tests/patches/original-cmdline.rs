// SPDX-License-Identifier: GPL-2.0-only

//! Calls the original of a function that `livepatch-sample` replaces as well.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "Test patch", license = "GPL")]
fn cmdline(m: &SeqFile, v: *mut c_void) -> Result<i32> {
    seq_print!(m, "before ");
    let result = original(m, v);
    seq_print!(m, "after\n");
    result
}
