// SPDX-License-Identifier: GPL-2.0-only

//! Declares pointers to integers with C's size and sign.

use klp::prelude::*;

#[livepatch(description = "A patch that is right", license = "GPL")]
mod fix {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "vfs_read")]
    fn read(
        _file: &File,
        _buffer: *mut c_char,
        _count: usize,
        position: Option<InOut<'_, i64>>,
    ) -> Result<isize> {
        if let Some(position) = position {
            position.write(position.read() + 1);
        }
        Ok(0)
    }

    #[livepatch(object = "vmlinux", replaces = "proc_dostring")]
    fn string(
        _table: *const c_void,
        _write: i32,
        _buffer: *mut c_void,
        length: InOut<'_, usize>,
        _position: InOut<'_, i64>,
    ) -> Result {
        length.write(0);
        Ok(())
    }

    #[livepatch(object = "vmlinux", replaces = "version_proc_show", unsafe)]
    fn vouched(_m: &SeqFile, _v: InOut<'_, u16>) -> Result {
        Ok(())
    }
}
