// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function that never returns by one that does.
//!
//! Refused: `do_group_exit` never returns

#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "do_group_exit", description = "Test patch", license = "GPL")]
fn exit(_code: i32) {}
