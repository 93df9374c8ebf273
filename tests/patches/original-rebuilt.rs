// SPDX-License-Identifier: GPL-2.0-only

//! Calls an original of a module that was rebuilt since: the entry of its function is longer or
//! shorter than in the file that the build of the patch used.

use klp::prelude::*;

#[livepatch(description = "Test patch", license = "GPL")]
mod rebuilt {
    use super::*;

    #[livepatch(object = "klp_rebuilt", replaces = "rebuilt_number", unsafe)]
    fn number(number: u32) -> u32 {
        original(number) + 1
    }

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(m: &SeqFile, _v: *mut c_void) -> Result {
        seq_print!(m, "patched\n");
        Ok(())
    }
}
