// SPDX-License-Identifier: GPL-2.0-only

//! Missing required keys.

use klp::prelude::*;

#[livepatch]
fn nothing() {}

#[livepatch()]
fn empty() {}

#[livepatch(object = "vmlinux", description = "A fix", license = "GPL")]
fn one() {}

#[livepatch(authors = ["Jane Doe <jane@example.org>"])]
mod fixes {
    #[livepatch]
    fn nothing() {}

    #[livepatch(replaces = "cmdline_proc_show")]
    fn object() {}
}

fn main() {}
