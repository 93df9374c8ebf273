// SPDX-License-Identifier: GPL-2.0-only

//! `async`, `const`, `unsafe`, `extern`.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "a")]
    async fn asynchronous() {}

    #[livepatch(object = "vmlinux", replaces = "b")]
    const fn constant() {}

    #[livepatch(object = "vmlinux", replaces = "c")]
    unsafe fn not_safe() {}

    #[livepatch(object = "vmlinux", replaces = "d")]
    extern "C" fn from_c() {}

    #[livepatch(object = "vmlinux", replaces = "e")]
    const unsafe extern "C" fn all() {}
}

fn main() {}
