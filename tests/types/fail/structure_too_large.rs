// SPDX-License-Identifier: GPL-2.0-only

//! A view of more than there is.

use klp::prelude::*;

#[kernel_struct("list_head", partial)]
struct View {
    next: *mut c_void,
    prev: *mut c_void,
    _more: usize,
}
