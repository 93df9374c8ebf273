// SPDX-License-Identifier: GPL-2.0-only

//! Views are shared with other threads as their members' types are.

use klp::prelude::*;

#[kernel_struct("list_head")]
#[derive(Persistent)]
struct List {
    next: *mut c_void,
}
