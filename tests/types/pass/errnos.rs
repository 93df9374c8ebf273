// SPDX-License-Identifier: GPL-2.0-only

//! Errnos that the kernel crate does not name, beside those that it does.

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
