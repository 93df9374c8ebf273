// SPDX-License-Identifier: GPL-2.0-only

//! Declares `void *` arguments with specific types.

use klp::prelude::*;

#[kernel_struct("list_head")]
struct ListHead;

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(_m: &SeqFile, _v: &CStr) -> Result {
        Ok(())
    }

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(_m: &SeqFile, _v: Option<&Task>) -> Result {
        Ok(())
    }

    #[livepatch(object = "vmlinux", replaces = "loadavg_proc_show")]
    fn loadavg(_m: &SeqFile, _v: Pin<KBox<ListHead>>) -> Result {
        Ok(())
    }
}
