// SPDX-License-Identifier: GPL-2.0-only

//! Replaces the handler of a file in /proc/sys without calling the original.

use klp::prelude::*;
use klp::sysctl::{Buffer, IntTable, Length, Position};

#[livepatch(object = "vmlinux", replaces = "proc_dointvec_minmax_sysadmin",
            description = "Test patch", license = "GPL")]
fn minmax_sysadmin(
    table: &IntTable,
    write: c_int,
    buffer: Buffer<'_>,
    length: Length<'_>,
    position: Position<'_>,
) -> Result {
    if write != 0 {
        pr_info!("{} bytes at {}\n", length.get(), position.get());
    }
    table.in_range(write, buffer, length, position)
}
