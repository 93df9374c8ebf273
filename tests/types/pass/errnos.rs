// SPDX-License-Identifier: GPL-2.0-only

//! Uses errnos that the kernel crate has constants for, and others.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "Test patch", license = "GPL")]
fn show(_m: &SeqFile, v: *mut c_void) -> Result {
    match v.is_null() {
        true => Err(ENOPROTOOPT),
        false => Err(EINVAL),
    }
}

const _: Error = EKEYREVOKED;
