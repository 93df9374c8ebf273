// SPDX-License-Identifier: GPL-2.0-only

//! The attribute on items that are not functions.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
struct Fix;

#[livepatch(object = "vmlinux", replaces = "b", description = "A fix", license = "GPL")]
impl Fix {
    fn show(&self) {}
}

#[livepatch(object = "vmlinux", replaces = "c", description = "A fix", license = "GPL")]
static NUMBER: u8 = 1;

#[livepatch(object = "vmlinux", replaces = "d", description = "A fix", license = "GPL")]
pub const OTHER: u8 = 1;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "e")]
    enum Fix {}

    #[livepatch(object = "vmlinux", replaces = "f")]
    trait Show {}

    #[livepatch(object = "vmlinux", replaces = "g")]
    #[allow(unused_macros)]
    macro_rules! show {
        () => {};
    }

    #[livepatch(object = "vmlinux", replaces = "h")]
    fn function() {}
}

fn main() {
    let _: (Fix, u8, u8) = (Fix, NUMBER, OTHER);
}
