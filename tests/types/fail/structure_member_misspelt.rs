// SPDX-License-Identifier: GPL-2.0-only

//! A member that the structure does not have.

use klp::prelude::*;

#[kernel_struct("seq_file")]
struct View {
    buf: *mut u8,
    sise: usize,
    #[path("lock.ownr.counter")]
    owner: isize,
    #[path("buf.first")]
    first: u8,
}
