// SPDX-License-Identifier: GPL-2.0-only

//! Values of `replaces` that are not function names.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "")]
    fn empty() {}

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show()")]
    fn parentheses() {}

    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show+0x10")]
    fn offset() {}

    #[livepatch(object = "vmlinux", replaces = "int cmdline_proc_show")]
    fn declaration() {}

    #[livepatch(object = "vmlinux", replaces = "cmdline\0proc_show")]
    fn nul() {}

    #[livepatch(object = "vmlinux", replaces = "8021q_init")]
    fn digit() {}

    #[livepatch(object = "vmlinux", replaces = "_RNvNtCs1_6kernel5print4call")]
    fn rust() {}
}

fn main() {}
