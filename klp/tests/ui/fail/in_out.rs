// SPDX-License-Identifier: GPL-2.0-only

//! Pointers to types that are not integers, and a pointer that outlives the call.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn flag(_flag: InOut<'_, bool>) {}

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn kept(_position: InOut<'static, i64>) {}
}

fn main() {}
