// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function that exists, but is `notrace`.

use klp::prelude::*;

#[livepatch(
    object = "vmlinux",
    replaces = "trace_clock_local",
    description = "Test patch",
    license = "GPL"
)]
fn replacement() -> u64 {
    0
}
