// SPDX-License-Identifier: GPL-2.0-only

//! A patch of one function.

#![deny(warnings)]
use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", description = "A fix", license = "GPL")]
fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "this has been live patched\n");
    Ok(())
}

fn main() {}
