// SPDX-License-Identifier: GPL-2.0-only

//! Valid signatures.

#![deny(warnings)]
use klp::prelude::*;

type Flags = u32;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    use super::Flags;
    use klp::prelude::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn nothing() {}

    #[livepatch(object = "vmlinux", replaces = "b")]
    fn unit() -> () {}

    #[livepatch(object = "vmlinux", replaces = "c")]
    fn many(a: u8, b: i16, c: u32, d: i64, e: usize, f: bool, g: Flags, h: *const u8) -> bool {
        a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f && g == 6 && h.is_null()
    }

    #[livepatch(object = "vmlinux", replaces = "d")]
    fn patterns(_: u8, mut count: usize, number @ _: u32) -> usize {
        count += number as usize;
        count
    }

    #[livepatch(object = "vmlinux", replaces = "e")]
    fn r#type(r#fn: u8, _file: Option<&SeqFile>) -> u8 {
        r#fn
    }

    #[livepatch(object = "vmlinux", replaces = "f")]
    fn early(file: &'_ SeqFile, stop: bool) -> Result<usize> {
        if stop {
            return Ok(1);
        }
        let _ = file;
        Ok(2)
    }

    #[livepatch(object = "vmlinux", replaces = "g")]
    fn recursive(depth: u32) -> u32 {
        if depth == 0 {
            0
        } else {
            recursive(depth - 1)
        }
    }

    #[livepatch(object = "vmlinux", replaces = "h")]
    fn same_name(same_name: u32, __klp_arg0: u32, __klp_call: u32) -> u32 {
        same_name + __klp_arg0 + __klp_call
    }

    #[livepatch(object = "vmlinux", replaces = "i")]
    fn untyped(object: *mut c_void) -> *mut c_void {
        object
    }
}

fn main() {}
