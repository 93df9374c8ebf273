// SPDX-License-Identifier: GPL-2.0-only

//! Generic replacements.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn ty<T: Copy>(_value: T) {}

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn constant<const N: usize>(_value: *mut [u8; N]) {}

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn lifetime<'a>(_file: &'a SeqFile) {}

    #[livepatch(object = "vmlinux", replaces = "d")]
    fn clause<T>(_value: *mut T)
    where
        T: Copy,
    {
    }

    #[livepatch(object = "vmlinux", replaces = "e")]
    fn clause_alone()
    where
        u8: Copy,
    {
    }
}

fn main() {}
