// SPDX-License-Identifier: GPL-2.0-only

//! What most fixes are: a condition, and the kernel's own function. One in the kernel itself, and one
//! in a module that need not be loaded yet.

use klp::prelude::*;

#[livepatch(
    description = "Livepatch example: checks in front of the original functions",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod checks {
    use super::*;

    /// Behind `/proc/cmdline`: not for everybody any more.
    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(m: &SeqFile, v: *mut c_void) -> Result<i32> {
        if !klp::capable(klp::Capability::SYS_ADMIN) {
            return Err(EPERM);
        }
        original(m, v)
    }

    /// Takes any number, and reads behind its table.
    #[livepatch(object = "klp_catalog", replaces = "catalog_price")]
    fn price(entry: usize) -> Result<isize> {
        if entry >= 3 {
            return Err(EINVAL);
        }
        original(entry)
    }
}
