// SPDX-License-Identifier: GPL-2.0-only

//! Keys of the patch on a function, and keys of a function on the patch.

use klp::prelude::*;

#[livepatch(description = "Two fixes", license = "GPL", object = "vmlinux", sympos = 1)]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", license = "GPL", name = "fix")]
    fn function() {}
}

fn main() {}
