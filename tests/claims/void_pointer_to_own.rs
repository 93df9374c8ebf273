// SPDX-License-Identifier: GPL-2.0-only

//! Declares a `void *` as an owning pointer, and frees its target.
//!
//! Refused without unsafe: which does not say what it points to

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("kuid_t")]
pub struct Kuid {
    val: u32,
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL"/* unsafe */)]
fn version(m: &SeqFile, v: Pin<KBox<Kuid>>) -> Result {
    seq_print!(m, "{}\n", v.val());
    Ok(())
}
