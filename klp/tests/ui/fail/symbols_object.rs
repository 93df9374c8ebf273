// SPDX-License-Identifier: GPL-2.0-only

//! Symbols of modules that are not objects of the patch, or that may be unloaded while it runs.

use klp::prelude::*;

#[klp::symbols(object = "xfs")]
unsafe extern "C" {
    safe fn never_found();
}

#[klp::symbols(object = "ext4")]
unsafe extern "C" {
    safe fn perhaps_gone();
    fn the_caller_knows();
    safe static GONE_TOO: u32;
}

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    #[livepatch(object = "vmlinux", replaces = "f")]
    fn f() {}

    #[livepatch(object = "ext4", replaces = "g")]
    fn g() {
        // SAFETY: ext4 is loaded.
        unsafe { crate::the_caller_knows() };
    }
}

fn main() {}
