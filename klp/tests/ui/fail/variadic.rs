// SPDX-License-Identifier: GPL-2.0-only

//! Variable arguments.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "_printk", description = "A fix", license = "GPL")]
unsafe extern "C" fn printk(_format: *const u8, _rest: ...) -> i32 {
    0
}

fn main() {}
