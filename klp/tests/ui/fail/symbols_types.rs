// SPDX-License-Identifier: GPL-2.0-only

//! Declarations with types that C does not have, or for which not every value is valid.

use core::cell::Cell;
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn text(text: &str);
    safe fn errno() -> Result;
    safe static LETTER: char;
    safe static CELL: Cell<u32>;
    static POINTER: *mut c_void;
}

#[livepatch(object = "vmlinux", replaces = "f", description = "A fix", license = "GPL")]
fn f() {}

fn main() {}
