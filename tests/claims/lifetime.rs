// SPDX-License-Identifier: GPL-2.0-only

//! Keeps an argument beyond the call.
//!
//! Refused: `&'static klp::prelude::SeqFile` is not a plain C type

#![forbid(unsafe_code)]

use klp::abi::{CAbi, Call, FromC};
use klp::prelude::*;

pub struct Kept(&'static SeqFile);

impl CAbi for Kept {
    type C = &'static SeqFile;
}

impl FromC<'_> for Kept {
    unsafe fn from_c(c: &'static SeqFile, _call: &Call) -> Self {
        Kept(c)
    }
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: Kept, _v: *mut c_void) -> Result {
    seq_print!(m.0, "kept\n");
    Ok(())
}
