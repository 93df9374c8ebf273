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
    fn receive(data: *const c_void, length: u16) {
        // SAFETY: callers pass the length.
        let message = unsafe { Bytes::new(data, usize::from(length)) };
        let members = message.skip(8).and_then(|body| body.u16_be(2));
        if members.is_some_and(|members| members > 64) {
            return;
        }
        original(data, length)
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
