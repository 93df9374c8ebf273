// SPDX-License-Identifier: GPL-2.0-only

//! Two replacements of the same function.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn first() {}

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn second() {}

    #[livepatch(object = "ext4", replaces = "show", sympos = 2)]
    fn third() {}

    #[livepatch(object = "ext4", replaces = "show", sympos = 2)]
    fn fourth() {}

    // Position 0 stands for the only function, which is the first.
    #[livepatch(object = "xfs", replaces = "show", sympos = 0)]
    fn fifth() {}

    #[livepatch(object = "xfs", replaces = "show", sympos = 1)]
    fn sixth() {}
}

fn main() {}
