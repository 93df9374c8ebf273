// SPDX-License-Identifier: GPL-2.0-only

//! A field of another size.

use klp::prelude::*;

#[kernel_struct("seq_file", partial)]
struct View {
    buf: *mut u8,
    size: u32,
}
