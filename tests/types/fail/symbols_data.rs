// SPDX-License-Identifier: GPL-2.0-only

//! Declares data with a type that is too large, as immutable data that the kernel changes, or the other
//! way round.

use klp::prelude::*;
use klp::sync::Atomic;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static tainted_mask: [Atomic<usize>; 4096];
    safe static oops_count: u32;
    safe static rodata_enabled: Atomic<bool>;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
