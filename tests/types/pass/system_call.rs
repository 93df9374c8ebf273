// SPDX-License-Identifier: GPL-2.0-only

//! Uses the arguments of a system call.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "__x64_sys_mincore",
            description = "A patch that is right", license = "GPL")]
fn mincore(_args: &SyscallArgs) -> Result<isize> {
    Ok(0)
}
