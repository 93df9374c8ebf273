// SPDX-License-Identifier: GPL-2.0-only

//! Uses other names of the right types.

use klp::prelude::*;

type Sequence = klp::bindings::seq_file;
type Flags = c_int;

#[livepatch(description = "A patch that is right", license = "GPL")]
mod right {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(_m: *mut Sequence, _v: *mut c_void) -> Flags {
        0
    }

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(_m: *mut klp::bindings::seq_file, _v: *mut SeqFile) -> Result<i32> {
        Ok(0)
    }

    #[livepatch(object = "vmlinux", replaces = "loadavg_proc_show")]
    fn loadavg(_m: *mut c_void, _v: *mut u8) -> Result<bool> {
        Ok(false)
    }
}
