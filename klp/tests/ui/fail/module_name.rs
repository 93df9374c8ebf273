// SPDX-License-Identifier: GPL-2.0-only

//! Names that are not valid module names.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL", name = "my-fix")]
fn dash() {}

#[livepatch(object = "vmlinux", replaces = "b", description = "A fix", license = "GPL", name = "")]
fn empty() {}

#[livepatch(object = "vmlinux", replaces = "c", description = "A fix", license = "GPL", name = "my fix")]
fn space() {}

#[livepatch(description = "A fix", license = "GPL", name = "fix.ko")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "d")]
    fn function() {}
}

fn main() {}
