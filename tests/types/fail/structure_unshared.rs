// SPDX-License-Identifier: GPL-2.0-only

//! Shares a view between threads although a member's type cannot be.

use klp::prelude::*;

#[kernel_struct("list_head")]
#[derive(Persistent)]
struct List {
    next: *mut c_void,
}
