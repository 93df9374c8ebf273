// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function that the kernel lacks.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "klp_test_no_such_function", description = "Test patch", license = "GPL")]
fn replacement() {}
