// SPDX-License-Identifier: GPL-2.0-only

//! Has several mistakes, which one build reports together.

use klp::prelude::*;

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod wrong {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(_m: i32, _v: u8) -> u64 {
        0
    }

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(_m: &Task, _v: *mut c_void) -> Result {
        Ok(())
    }
}
