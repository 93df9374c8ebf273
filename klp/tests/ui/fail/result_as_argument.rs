// SPDX-License-Identifier: GPL-2.0-only

//! A result type as an argument.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn function(_outcome: Result) {}

fn main() {}
