// SPDX-License-Identifier: GPL-2.0-only

//! Uses the arguments of a `proc_handler` in other functions, and `IntTable` in a handler of text.

use klp::prelude::*;
use klp::sysctl::{Buffer, IntTable, Length, Position};

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "vfs_read")]
    fn read(_: &File, _: *mut c_char, _: usize, position: Position<'_>) -> Result<isize> {
        position.get();
        Ok(0)
    }

    #[livepatch(object = "vmlinux", replaces = "proc_dostring")]
    fn string(
        table: &IntTable,
        write: i32,
        buffer: Buffer<'_>,
        length: Length<'_>,
        position: Position<'_>,
    ) -> Result {
        table.in_range(write, buffer, length, position)
    }
}
