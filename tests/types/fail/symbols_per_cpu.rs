// SPDX-License-Identifier: GPL-2.0-only

//! Declares per-CPU variables: one that is exported, and one that is not.

use klp::prelude::*;
use klp::sync::Atomic;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static this_cpu_off: Atomic<usize>;
    static mut runqueues: u8;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
