// SPDX-License-Identifier: GPL-2.0-only

//! A result of a type that C does not have.

use klp::prelude::*;

struct Own(u8);

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn function() -> Own {
    Own(1)
}

fn main() {}
