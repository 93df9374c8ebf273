// SPDX-License-Identifier: GPL-2.0-only

//! A function named `original`, which the generated one would shadow.

use klp::prelude::*;

#[livepatch(description = "A check", license = "GPL")]
mod check {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "number")]
    fn number(number: u32) -> u32 {
        original(number)
    }

    /// A helper.
    fn original(number: u32) -> u32 {
        number
    }
}

fn main() {}
