// SPDX-License-Identifier: GPL-2.0-only

//! One function of the kernel, replaced by two of the patch.

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

    // Without a position it is the only one, and so the first.
    #[livepatch(object = "xfs", replaces = "show", sympos = 0)]
    fn fifth() {}

    #[livepatch(object = "xfs", replaces = "show", sympos = 1)]
    fn sixth() {}
}

fn main() {}
