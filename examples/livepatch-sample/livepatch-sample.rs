// SPDX-License-Identifier: GPL-2.0-only

//! The smallest live patch: a Rust function shows `/proc/cmdline`.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "Livepatch sample: another /proc/cmdline", license = "GPL",
            authors = ["The klp authors"])]
fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "this has been live patched\n");
    Ok(())
}
