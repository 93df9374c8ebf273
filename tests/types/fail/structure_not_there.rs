// SPDX-License-Identifier: GPL-2.0-only

//! A view of a structure that the kernel does not have.

use klp::prelude::*;

#[kernel_struct("seq_fil")]
struct View {
    _buf: *mut u8,
}
