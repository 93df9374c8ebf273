// SPDX-License-Identifier: GPL-2.0-only

//! Declares views in the old form: a layout by hand, and types for data that changes.

use core::cell::Cell;
use core::sync::atomic::{AtomicPtr, AtomicU32};
use klp::prelude::*;

#[kernel_struct("seq_file", partial)]
struct Partial {
    buf: *mut u8,
}

#[kernel_struct("seq_file")]
#[repr(C)]
struct Layout {
    buf: *mut u8,
}

#[kernel_struct("seq_file")]
struct Padded {
    buf: *mut u8,
    _size: usize,
    _pad_16: [u8; 8],
    count: usize,
}

#[kernel_struct("seq_file")]
struct Changing {
    count: Cell<usize>,
    poll_event: AtomicU32,
    private: AtomicPtr<c_void>,
}

#[derive(Persistent)]
#[kernel_struct("kuid_t")]
struct Above {
    val: u32,
}
