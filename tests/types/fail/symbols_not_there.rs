// SPDX-License-Identifier: GPL-2.0-only

//! Declares functions and data that the kernel lacks, has several of, or has freed.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn loadavg_proc_shwo(m: &SeqFile, v: *mut c_void) -> i32;
    safe fn klp_no_such_thing_at_all();
    safe fn m_show(m: &SeqFile, v: *mut c_void) -> i32;
    #[sympos = 9]
    #[link_name = "m_show"]
    safe fn ninth_m_show(m: &SeqFile, v: *mut c_void) -> i32;
    #[sympos = 2]
    safe fn version_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
    safe fn start_kernel();
    safe static tainted_maks: usize;
    safe static klp_no_such_data: usize;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
