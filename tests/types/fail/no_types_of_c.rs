// SPDX-License-Identifier: GPL-2.0-only

//! Uses types that are not C types: one error for each, with C's type.

use klp::prelude::*;

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod wrong {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "proc_dointvec_minmax")]
    fn minmax(
        _table: *const c_void,
        _write: f32,
        _buffer: &[u8],
        _length: &usize,
        _position: &mut i64,
    ) -> (i32, i32) {
        (0, 0)
    }

    #[livepatch(object = "vmlinux", replaces = "version_proc_show")]
    fn version(_m: Result<&SeqFile>, _v: &str) -> Result {
        Ok(())
    }
}
