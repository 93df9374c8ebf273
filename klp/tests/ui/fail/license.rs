// SPDX-License-Identifier: GPL-2.0-only

//! Licences that the kernel does not accept as GPL-compatible, as livepatching requires.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL-2.0-only")]
fn identifier() {}

#[livepatch(object = "vmlinux", replaces = "b", description = "A fix", license = "MIT")]
fn mit() {}

#[livepatch(object = "vmlinux", replaces = "c", description = "A fix", license = "")]
fn empty() {}

#[livepatch(object = "vmlinux", replaces = "d", description = "A fix", license = "GPL\n")]
fn line_break() {}

fn main() {}
