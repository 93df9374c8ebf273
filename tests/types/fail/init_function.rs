// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function that is freed after boot.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "start_kernel",
            description = "A patch that is wrong", license = "GPL")]
fn start() {}
