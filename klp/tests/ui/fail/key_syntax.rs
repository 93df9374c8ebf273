// SPDX-License-Identifier: GPL-2.0-only

//! Arguments that are not a list of keys.

use klp::prelude::*;

#[livepatch("vmlinux", "cmdline_proc_show")]
fn values_alone() {}

#[livepatch(object: "vmlinux", replaces("cmdline_proc_show"), description =, license = "GPL")]
fn no_equals() {}

#[livepatch(object = "vmlinux" replaces = "cmdline_proc_show" description = "A fix", license = "GPL")]
fn no_comma() {}

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch = "cmdline_proc_show"]
    fn name_and_value() {}
}

fn main() {}
