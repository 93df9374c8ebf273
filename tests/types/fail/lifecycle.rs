// SPDX-License-Identifier: GPL-2.0-only

//! Uses features of klp-core on a kernel with the C core.

use klp::prelude::*;

#[livepatch(description = "A patch that is wrong", license = "GPL", register)]
mod lifecycle {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", immediate)]
    fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }
}
