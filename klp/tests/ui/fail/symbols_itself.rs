// SPDX-License-Identifier: GPL-2.0-only

//! Replacements that call the function that they replace.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn cmdline_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
    safe fn version_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
    #[sympos = 2]
    #[link_name = "c_stop"]
    safe fn the_second(m: &SeqFile, v: *mut c_void);
}

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(m: &SeqFile, v: *mut c_void) -> i32 {
        seq_print!(m, "patched: ");
        super::cmdline_proc_show(m, v)
    }

    /// Calls another replaced function, which is allowed.
    #[livepatch(object = "vmlinux", replaces = "loadavg_proc_show")]
    fn loadavg(m: &SeqFile, v: *mut c_void) -> i32 {
        cmdline_proc_show(m, v) + version_proc_show(m, v)
    }

    #[livepatch(object = "vmlinux", replaces = "c_stop", sympos = 2)]
    fn stop(m: &SeqFile, v: *mut c_void) {
        the_second(m, v)
    }
}

fn main() {}
