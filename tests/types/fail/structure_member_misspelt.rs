// SPDX-License-Identifier: GPL-2.0-only

//! Declares a member that the structure lacks.

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
