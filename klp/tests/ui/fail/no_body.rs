// SPDX-License-Identifier: GPL-2.0-only

//! A replacement without a body.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn function(file: &SeqFile) -> Result;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "b")]
    fn function(file: &SeqFile) -> Result;
}

fn main() {}
