// SPDX-License-Identifier: GPL-2.0-only

//! Checks before original functions, as in most fixes: one in the kernel itself, and one
//! in a module that need not be loaded yet.

use klp::prelude::*;

#[livepatch(
    description = "Livepatch example: checks in front of the original functions",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod checks {
    use super::*;

    /// Shows `/proc/cmdline`, which now needs a capability.
    #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show")]
    fn cmdline(m: &SeqFile, v: *mut c_void) -> Result<i32> {
        if !klp::capable(klp::Capability::SYS_ADMIN) {
            return Err(EPERM);
        }
        original(m, v)
    }

    /// The original accepts any number, and reads beyond its table.
    #[livepatch(object = "klp_catalog", replaces = "catalog_price")]
    fn price(entry: usize) -> Result<isize> {
        if entry >= 3 {
            return Err(EINVAL);
        }
        original(entry)
    }
}
