// SPDX-License-Identifier: GPL-2.0-only

//! Declares a view of a structure that the kernel lacks.

use klp::prelude::*;

#[kernel_struct("seq_fil")]
struct View {
    buf: *mut u8,
}

/// The same without members.
#[kernel_struct("seq_fil")]
struct Handle;

/// Only declared in `vmlinux`.
#[kernel_struct("gpio_desc")]
struct Line {
    flags: usize,
}
