// SPDX-License-Identifier: GPL-2.0-only

//! A registered patch with an immediate function. Its module stays loaded once the patch was enabled.

use klp::prelude::*;

#[livepatch(description = "Test patch", license = "GPL", register)]
mod immediate {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show", immediate)]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched at once\n");
        Ok(())
    }

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }
}
