// SPDX-License-Identifier: GPL-2.0-only

//! Reads a variable that the kernel writes as an immutable one.
//!
//! Refused: the kernel may change `oops_count` of `vmlinux`

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static oops_count: u32;
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "{}\n", oops_count);
    Ok(())
}
