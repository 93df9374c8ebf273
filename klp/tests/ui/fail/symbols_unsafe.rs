// SPDX-License-Identifier: GPL-2.0-only

//! Uses of declarations without `safe`, which are unsafe.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    fn function();
    static DATA: u32;
}

#[livepatch(object = "vmlinux", replaces = "f", description = "A fix", license = "GPL")]
fn f() -> u32 {
    function();
    DATA
}

fn main() {}
