// SPDX-License-Identifier: GPL-2.0-only

//! A patch on a function and a patch on a `mod` in one crate.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn first() {}

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "b")]
    fn second() {}
}

fn main() {}
