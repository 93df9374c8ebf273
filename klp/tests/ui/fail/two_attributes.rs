// SPDX-License-Identifier: GPL-2.0-only

//! Two attributes on one function.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
#[livepatch(object = "vmlinux", replaces = "b", description = "A fix", license = "GPL")]
fn function() {}

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "c")]
    #[klp::livepatch(object = "vmlinux", replaces = "d")]
    fn function() {}
}

fn main() {}
