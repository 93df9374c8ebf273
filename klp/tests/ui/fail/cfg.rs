// SPDX-License-Identifier: GPL-2.0-only

//! Conditionally compiled replacements.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[cfg(not(any()))]
    #[livepatch(object = "vmlinux", replaces = "c")]
    fn before() {}

    #[livepatch(object = "vmlinux", replaces = "d")]
    #[cfg_attr(any(), cold)]
    fn after() {}

    #[cfg_attr(not(any()), livepatch(object = "vmlinux", replaces = "e"))]
    fn livepatch_itself() {}
}

fn main() {}
