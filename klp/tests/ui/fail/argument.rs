// SPDX-License-Identifier: GPL-2.0-only

//! Arguments whose type is not a single type, or outlives the call.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn some_copy(_value: impl Copy, _other: Option<impl Copy>) {}

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn for_ever(_file: &'static SeqFile, _other: Option<&'static SeqFile>) {}

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn conditional(#[cfg(any())] _value: u8, #[cfg_attr(any(), allow(unused))] _other: u8) {}
}

fn main() {}
