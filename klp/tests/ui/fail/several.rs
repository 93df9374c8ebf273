// SPDX-License-Identifier: GPL-2.0-only

//! Errors of every kind in one patch: all are reported.

use klp::prelude::*;

#[livepatch(description = "A fix", licence = "GPL", name = "my-fix", object = "vmlinux")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "snd-hda-intel", sympos = "1")]
    #[inline]
    async fn first<T>(_file: &'static SeqFile, _value: T) -> ! {
        loop {}
    }

    #[livepatch(object = "vmlinux", replaces = "a", authors = ["Jane Doe"])]
    fn second() {}

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn third() {}
}

fn main() {}
