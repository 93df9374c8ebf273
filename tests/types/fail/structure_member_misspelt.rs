// SPDX-License-Identifier: GPL-2.0-only

//! A field that the structure does not have.

use klp::prelude::*;

#[kernel_struct("seq_file", partial)]
struct View {
    buf: *mut u8,
    sise: usize,
}
