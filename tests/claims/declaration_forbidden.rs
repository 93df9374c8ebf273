// SPDX-License-Identifier: GPL-2.0-only

//! Declares a function of the kernel with `unsafe`, in a crate that forbids it.
//!
//! Refused: usage of an `unsafe extern` block

#![forbid(unsafe_code)]

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn commit_creds(credentials: *mut c_void) -> i32;
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(_m: &SeqFile, _v: *mut c_void) -> Result {
    commit_creds(core::ptr::null_mut());
    Ok(())
}
