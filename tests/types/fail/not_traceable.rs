// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a function that ftrace cannot redirect.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "do_syscall_64",
            description = "A patch that is wrong", license = "GPL")]
fn entry(_regs: *mut c_void, _number: i32) -> bool {
    false
}
