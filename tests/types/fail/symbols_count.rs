// SPDX-License-Identifier: GPL-2.0-only

//! Declares functions with more or fewer arguments than the kernel's have.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn uptime_proc_show(m: &SeqFile) -> i32;
    safe fn version_proc_show(m: &SeqFile, v: *mut c_void, more: u8) -> i32;
    safe fn filesystems_proc_show(m: &SeqFile, v: *mut c_void, ...) -> i32;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
