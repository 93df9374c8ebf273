// SPDX-License-Identifier: GPL-2.0-only

//! Declares elements behind a pointer that have another type in C.

use klp::prelude::*;

#[kernel_struct("pipe_inode_info")]
struct Pipe {
    ring_size: u32,
    #[counted_by(ring_size, unsafe)]
    bufs: &[Page],
}

#[kernel_struct("page")]
struct Page;
