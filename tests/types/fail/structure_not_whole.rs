// SPDX-License-Identifier: GPL-2.0-only

//! A view without the last fields, which does not say so.

use klp::prelude::*;

#[kernel_struct("seq_file")]
struct View {
    buf: *mut u8,
    size: usize,
}
