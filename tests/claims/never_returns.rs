// SPDX-License-Identifier: GPL-2.0-only

//! Returns to callers that end with the call.
//!
//! Refused: `do_group_exit` never returns

#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "do_group_exit", description = "Test patch", license = "GPL")]
fn exit(_code: i32) {}
