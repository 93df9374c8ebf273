// SPDX-License-Identifier: GPL-2.0-only

//! Two patches in one crate.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn first() {}

#[livepatch(object = "vmlinux", replaces = "b", description = "A fix", license = "GPL")]
fn second() {}

fn main() {}
