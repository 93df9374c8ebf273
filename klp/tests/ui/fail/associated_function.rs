// SPDX-License-Identifier: GPL-2.0-only

//! Neither is a function without `self` in an `impl`, which the attribute cannot see.

use klp::prelude::*;

struct Fix;

impl Fix {
    #[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
    fn show(_file: &SeqFile) {}
}

fn main() {}
