// SPDX-License-Identifier: GPL-2.0-only

//! A system call has a function for each calling convention, and a fix replaces both.

use klp::prelude::*;

#[livepatch(description = "Test patch", license = "GPL")]
mod both {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "__x64_sys_membarrier")]
    fn native(args: &SyscallArgs) -> Result<isize> {
        called("native", args.unpack());
        original(args)
    }

    #[livepatch(object = "vmlinux", replaces = "__ia32_sys_membarrier")]
    fn ia32(args: &SyscallArgs) -> Result<isize> {
        called("ia32", args.unpack_ia32());
        original(args)
    }
}

fn called(convention: &str, (command, flags, cpu): (i32, u32, i32)) {
    pr_info!("{convention} {command} {flags:x} {cpu}\n");
}
