// SPDX-License-Identifier: GPL-2.0-only

//! Types of the author that claim to be C types.

use klp::abi::{CAbi, IntoC};
use klp::prelude::*;
use klp::signature::{CType, Shape};

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Big([u64; 8]);

impl CType for Big {
    const SHAPE: Shape = Shape::Void;
    type Target = ();
}

impl CAbi for Big {
    type C = Self;
}

impl IntoC for Big {
    fn into_c(self) -> Self {
        self
    }
}

// Outlives the call.
pub struct Forever(&'static SeqFile);

impl CAbi for Forever {
    type C = &'static SeqFile;
}

#[livepatch(object = "vmlinux", replaces = "seq_putc", description = "A fix", license = "GPL")]
fn put(_m: Forever, _c: u8) -> Big {
    Big([0xdead; 8])
}

fn main() {}
