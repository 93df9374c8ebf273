// SPDX-License-Identifier: GPL-2.0-only

//! Declares a table of text as one of numbers.
//!
//! Refused without unsafe: `IntTable` is a table of integers

#![forbid(unsafe_code)]

use klp::prelude::*;
use klp::sysctl::{Buffer, IntTable, Length, Position};

#[livepatch(object = "vmlinux", replaces = "proc_dostring", description = "Test patch", license = "GPL"/* unsafe */)]
fn string(
    table: &IntTable,
    write: c_int,
    buffer: Buffer<'_>,
    length: Length<'_>,
    position: Position<'_>,
) -> Result {
    table.in_range(write, buffer, length, position)
}
