// SPDX-License-Identifier: GPL-2.0-only

//! Declares functions with other types than the kernel's have.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn loadavg_proc_show(m: &Task, v: usize) -> isize;
    safe fn meminfo_proc_show(m: &SeqFile, v: *mut c_void);
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
