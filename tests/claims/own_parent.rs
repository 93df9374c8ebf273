// SPDX-License-Identifier: GPL-2.0-only

//! Constructs a structure of the kernel, with a size of zero.
//!
//! Refused: has no field named `_contents`

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("inode")]
pub struct Inode;

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(_m: &SeqFile, _v: *mut c_void) -> Result {
    let _inode = Inode { _contents: [] };
    Ok(())
}
