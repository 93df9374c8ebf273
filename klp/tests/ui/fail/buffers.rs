// SPDX-License-Identifier: GPL-2.0-only

//! Buffers whose length is not declared correctly.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use klp::bytes::Bytes;
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn no_length(_data: Bytes<'_>, _length: usize) {}

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn no_word(#[counted_by(length)] _data: Bytes<'_>, length: usize) {}

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn no_such_length(#[counted_by(len, unsafe)] _data: Bytes<'_>, _length: usize) {}

    #[livepatch(object = "vmlinux", replaces = "d")]
    fn no_number(#[counted_by(length, unsafe)] _data: Bytes<'_>, length: *mut usize) {}

    #[livepatch(object = "vmlinux", replaces = "e")]
    fn no_buffer(#[counted_by(length, unsafe)] _data: *const u8, length: usize) {}

    #[livepatch(object = "vmlinux", replaces = "f")]
    fn no_name(#[counted_by] _data: Bytes<'_>, _length: usize) {}
}

fn main() {}
