// SPDX-License-Identifier: GPL-2.0-only

//! A field whose type does not take any value that C may leave there.

use klp::prelude::*;

#[kernel_struct("seq_file", partial)]
struct View {
    buf: &'static u8,
}
