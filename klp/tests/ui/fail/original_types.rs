// SPDX-License-Identifier: GPL-2.0-only

//! Types that cannot be passed to or returned from the original.

use core::ptr::NonNull;
use klp::abi::{CAbi, Call, FromC, IntoC};
use klp::prelude::*;

#[kernel_struct("pair")]
struct Pair {
    first: u32,
}

/// An argument type for replacements that do not call the original.
struct Mode(u16);

impl CAbi for Mode {
    type C = u16;
}

impl FromC<'_> for Mode {
    unsafe fn from_c(c: u16, _call: &Call) -> Self {
        Mode(c)
    }
}

impl IntoC for Mode {
    fn into_c(self) -> u16 {
        self.0
    }
}

#[livepatch(description = "A check", license = "GPL")]
mod check {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "never_null")]
    fn never_null() -> KBox<Pair> {
        original()
    }

    #[livepatch(object = "vmlinux", replaces = "pointer")]
    fn pointer() -> Result<NonNull<u8>> {
        original()
    }

    #[livepatch(object = "vmlinux", replaces = "mode")]
    fn mode(mode: Mode) -> Mode {
        original(mode)
    }

    #[livepatch(object = "vmlinux", replaces = "not_called")]
    fn not_called(mode: Mode) -> Mode {
        Mode(mode.0 & 0o777)
    }
}

fn main() {}
