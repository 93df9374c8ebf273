// SPDX-License-Identifier: GPL-2.0-only

//! Duplicate keys.

use klp::prelude::*;

#[livepatch(
    object = "vmlinux",
    replaces = "cmdline_proc_show",
    object = "ext4",
    description = "A fix",
    license = "GPL",
    replace,
    replace
)]
fn function() {}

fn main() {}
