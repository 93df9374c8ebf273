// SPDX-License-Identifier: GPL-2.0-only

//! Declares members with types that no member in C can have.

use klp::prelude::*;

struct Own(#[allow(dead_code)] usize);

#[kernel_struct("seq_file")]
struct Sequence {
    size: Own,
}

#[kernel_struct("seq_file")]
struct Other {
    op: Option<extern "C" fn()>,
}

#[kernel_struct("seq_file")]
struct Followed {
    #[follow(unsafe)]
    op: &Own,
}
