// SPDX-License-Identifier: GPL-2.0-only

//! Buffers whose length is another argument.

#![deny(warnings)]
use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::bytes::Bytes;
    use klp::prelude::*;
    use klp::sockptr::SockPtr;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn receive(#[counted_by(length, unsafe)] message: Bytes<'_>, length: u16) {
        let members = message.skip(8).and_then(|body| body.u16_be(2));
        if members.is_some_and(|members| members > 64) {
            return;
        }
        original(message, length)
    }

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn several(
        kind: i32,
        #[counted_by(first_length, unsafe)] first: Bytes<'_>,
        first_length: i32,
        second_length: usize,
        #[counted_by(second_length, unsafe)] mut second: klp::bytes::Bytes<'_>,
    ) -> Result {
        second = second.skip(first.len()).ok_or(EINVAL)?;
        original(kind, first, first_length, second_length - first.len(), second)
    }

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn set_option(name: i32, value: SockPtr<'_>, length: u32) -> Result {
        // SAFETY: callers pass the length.
        let option = unsafe { value.with_len(length as usize) };
        if name == 1 && option.read_i32()? < 0 {
            return Err(EINVAL);
        }
        original(name, value, length)
    }
}

fn main() {}
