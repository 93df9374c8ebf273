// SPDX-License-Identifier: GPL-2.0-only

//! A patch in a crate with strict lints, which do not apply to the macro's code.

#![forbid(unsafe_code)]
#![forbid(
    warnings,
    unused,
    missing_docs,
    rust_2018_idioms,
    nonstandard_style,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    improper_ctypes_definitions
)]
use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", description = "A fix", license = "GPL")]
pub fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "this has been live patched\n");
    Ok(())
}

fn main() {}
