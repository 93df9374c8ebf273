// SPDX-License-Identifier: GPL-2.0-only

//! Variables that each CPU has: one that modules may use, and one that they may not.

use core::sync::atomic::AtomicUsize;
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static this_cpu_off: AtomicUsize;
    static mut runqueues: u8;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
