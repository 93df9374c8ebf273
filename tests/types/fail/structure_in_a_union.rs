// SPDX-License-Identifier: GPL-2.0-only

//! A structure in a union is one only when C says so.

use klp::prelude::*;

#[kernel_struct("page")]
struct Page {
    lru: List,
}

#[kernel_struct("list_head")]
struct List {
    #[follow(unsafe)]
    next: &List,
}
