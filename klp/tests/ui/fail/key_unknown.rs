// SPDX-License-Identifier: GPL-2.0-only

//! Unknown keys, with and without a similar valid one.

use klp::prelude::*;

#[livepatch(
    object = "vmlinux",
    replaces = "cmdline_proc_show",
    desc = "A fix",
    licence = "GPL",
    author = ["Jane Doe <jane@example.org>"],
    colour = "red"
)]
fn function() {}

#[livepatch(description = "A fix", license = "GPL", replaced)]
mod fixes {
    #[livepatch(object = "vmlinux", replace = "cmdline_proc_show")]
    fn misspelt() {}

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", priority = 1)]
    fn invented() {}
}

fn main() {}
