// SPDX-License-Identifier: GPL-2.0-only

//! A view of a structure that the kernel does not have.

use klp::prelude::*;

#[kernel_struct("seq_fil")]
struct View {
    buf: *mut u8,
}

/// Not even by name.
#[kernel_struct("seq_fil")]
struct Handle;

/// Nothing looks into it.
#[kernel_struct("gpio_desc")]
struct Line {
    flags: usize,
}
