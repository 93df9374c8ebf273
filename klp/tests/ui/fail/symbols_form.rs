// SPDX-License-Identifier: GPL-2.0-only

//! Blocks and declarations of an invalid form.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
extern "C" {
    safe fn safe_without_unsafe();
    fn without_mistake();
}

#[klp::symbols(object = "vmlinux")]
unsafe extern "Rust" {
    safe fn of_another_language();
}

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {}

#[klp::symbols(object = "vmlinux")]
fn function() {}

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    type Unknown;
}

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn with_a_body() {}
    safe static WITH_A_VALUE: u32 = 1;
    safe static mut SAFE_AND_CHANGING: u32;
    safe fn generic<T>(value: *const T);
    #[cfg(target_pointer_width = "64")]
    safe fn at_times();
}

#[livepatch(object = "vmlinux", replaces = "f", description = "A fix", license = "GPL")]
fn f() {}

fn main() {}
