// SPDX-License-Identifier: GPL-2.0-only

//! Attributes that a replacement must not have, such as `#[inline]` and `#[no_mangle]`.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "a")]
    #[inline]
    fn inline() {}

    #[livepatch(object = "vmlinux", replaces = "b")]
    #[inline(never)]
    fn inline_never() {}

    #[livepatch(object = "vmlinux", replaces = "c")]
    #[no_mangle]
    fn no_mangle() {}

    #[livepatch(object = "vmlinux", replaces = "d")]
    #[unsafe(no_mangle)]
    fn unsafe_no_mangle() {}

    #[export_name = "e"]
    #[livepatch(object = "vmlinux", replaces = "e")]
    fn export_name() {}

    #[livepatch(object = "vmlinux", replaces = "f")]
    #[link_section = ".init.text"]
    fn link_section() {}

    #[livepatch(object = "vmlinux", replaces = "g")]
    #[track_caller]
    fn track_caller() {}

    #[livepatch(object = "vmlinux", replaces = "h")]
    #[target_feature(enable = "avx")]
    fn target_feature() {}

    #[livepatch(object = "vmlinux", replaces = "i")]
    #[unsafe(naked)]
    extern "C" fn naked() {
        core::arch::naked_asm!("ret")
    }
}

fn main() {}
