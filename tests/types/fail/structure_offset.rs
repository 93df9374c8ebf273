// SPDX-License-Identifier: GPL-2.0-only

//! A field at another place: one before it was forgotten.

use klp::prelude::*;

#[kernel_struct("seq_file", partial)]
struct View {
    buf: *mut u8,
    from: usize,
}
