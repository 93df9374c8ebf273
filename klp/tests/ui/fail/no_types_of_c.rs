// SPDX-License-Identifier: GPL-2.0-only

//! Types without a C type, without the kernel's type information: one error for each.

use klp::prelude::*;

struct Sock;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn function(
    _mutable: &mut i64,
    _sock: Option<&mut Sock>,
    _reference: &u32,
    _text: &str,
    _slice: &[u8],
    _array: [u8; 4],
    _tuple: (u8, u8),
    _float: f64,
    _char: char,
    _wide: u128,
    _result: Result<u32>,
    _option: Option<u32>,
) -> Result<f32> {
    Ok(0.0)
}

fn main() {}
