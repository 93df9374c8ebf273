// SPDX-License-Identifier: GPL-2.0-only

//! A key about the patch on a function, and the other way round.

use klp::prelude::*;

#[livepatch(description = "Two fixes", license = "GPL", object = "vmlinux", sympos = 1)]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", license = "GPL", name = "fix")]
    fn function() {}
}

fn main() {}
