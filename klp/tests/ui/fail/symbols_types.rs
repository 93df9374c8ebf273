// SPDX-License-Identifier: GPL-2.0-only

//! Types that C has not, or may fill with anything.

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
