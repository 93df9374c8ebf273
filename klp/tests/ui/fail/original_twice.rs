// SPDX-License-Identifier: GPL-2.0-only

//! Another function of that name would be hidden.

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
