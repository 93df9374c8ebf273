// SPDX-License-Identifier: GPL-2.0-only

//! Strings and characters: the items of the prelude are compatible.

#![forbid(unsafe_code)]
#![deny(warnings)]
use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn text(name: &CStr, end: c_char) -> *const c_char {
        match name.to_bytes().last() {
            Some(last) if *last == end => core::ptr::null(),
            _ => name.as_char_ptr(),
        }
    }
}

fn main() {}
