// SPDX-License-Identifier: GPL-2.0-only

//! Declares a `void *` as a pointer to an object.
//!
//! Refused without unsafe: which does not say what it points to

#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL"/* unsafe */)]
fn version(m: &SeqFile, v: &CStr) -> Result {
    seq_print!(m, "{}\n", v.to_bytes().len());
    Ok(())
}
