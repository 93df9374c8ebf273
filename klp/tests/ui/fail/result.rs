// SPDX-License-Identifier: GPL-2.0-only

//! Results that are diverging, opaque, or references.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn never() -> ! {
        loop {}
    }

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn some_integer() -> impl Copy {
        1u8
    }

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn reference(file: &SeqFile) -> &SeqFile {
        file
    }

    #[livepatch(object = "vmlinux", replaces = "d")]
    fn maybe(file: &SeqFile) -> Option<&SeqFile> {
        Some(file)
    }
}

fn main() {}
