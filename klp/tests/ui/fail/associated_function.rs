// SPDX-License-Identifier: GPL-2.0-only

//! An associated function without `self`, which the attribute cannot detect.

use klp::prelude::*;

struct Fix;

impl Fix {
    #[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
    fn show(_file: &SeqFile) {}
}

fn main() {}
