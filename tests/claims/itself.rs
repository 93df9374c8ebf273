// SPDX-License-Identifier: GPL-2.0-only

//! Calls the function that it replaces.
//!
//! Refused: and so itself without end

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn version_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, v: *mut c_void) -> i32 {
    version_proc_show(m, v)
}
