// SPDX-License-Identifier: GPL-2.0-only

//! Accepts missing checks with `unsafe`.

use klp::prelude::*;
use klp::sysctl::{Buffer, IntTable, Length, Position};

#[livepatch(description = "A patch that is right", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "version_proc_show", unsafe)]
    fn version(_m: &SeqFile, _v: Option<&CStr>) -> Result {
        Ok(())
    }

    #[livepatch(object = "vmlinux", replaces = "proc_douintvec", unsafe)]
    fn numbers(
        table: &IntTable,
        write: i32,
        buffer: Buffer<'_>,
        length: Length<'_>,
        position: Position<'_>,
    ) -> Result {
        table.any(write, buffer, length, position)
    }
}
