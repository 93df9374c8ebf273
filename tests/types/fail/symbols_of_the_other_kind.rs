// SPDX-License-Identifier: GPL-2.0-only

//! Declares a variable as a function, and a function as a variable.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn tainted_mask() -> usize;
    safe static loadavg_proc_show: usize;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
