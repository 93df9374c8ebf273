// SPDX-License-Identifier: GPL-2.0-only

//! Values, types and whole patches from a `macro_rules!` macro.

#![deny(warnings)]
use klp::prelude::*;

macro_rules! patch {
    ($object:literal, $name:literal, $function:ident, $argument:ty, $body:block) => {
        #[livepatch(object = $object, replaces = $name, description = "A fix", license = "GPL")]
        fn $function(_argument: $argument) -> $argument $body
    };
}

patch!("vmlinux", "show", show, u8, { 1 });

fn main() {}
