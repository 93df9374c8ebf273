// SPDX-License-Identifier: GPL-2.0-only

//! Declares `InOut` for integers of another sign or size, in user space, behind a `void *`, and `const` in C.

use klp::prelude::*;

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod wrong {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "vfs_read")]
    fn read(_: &File, _: InOut<'_, u8>, _: usize, _position: InOut<'_, u64>) -> Result<isize> {
        Ok(0)
    }

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(_m: &SeqFile, _v: InOut<'_, i32>) -> Result {
        Ok(())
    }

    #[livepatch(object = "vmlinux", replaces = "seq_path")]
    fn path(_m: InOut<'_, u64>, _path: *const c_void, _escape: InOut<'_, u8>) -> i32 {
        0
    }

    #[livepatch(object = "vmlinux", replaces = "vfs_write")]
    fn write(_: &File, _: *const c_char, _: usize, _position: InOut<'_, i32>) -> Result<isize> {
        Ok(0)
    }
}
