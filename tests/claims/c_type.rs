// SPDX-License-Identifier: GPL-2.0-only

//! Implements `CType` for a structure, with a false shape.
//!
//! Refused: `Large` cannot be made a C type

#![forbid(unsafe_code)]

use klp::abi::{CAbi, IntoC};
use klp::prelude::*;
use klp::signature::{CType, Shape};

#[derive(Clone, Copy)]
#[repr(C)]
pub struct Large([u64; 8]);

impl CType for Large {
    const SHAPE: Shape = Shape::Void;
    type Target = ();
}

impl CAbi for Large {
    type C = Self;
}

impl IntoC for Large {
    fn into_c(self) -> Self {
        self
    }
}

#[livepatch(object = "vmlinux", replaces = "seq_putc", description = "Test patch", license = "GPL")]
fn put(_m: *mut SeqFile, _c: u8) -> Large {
    Large([7; 8])
}
