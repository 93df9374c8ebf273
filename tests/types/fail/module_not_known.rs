// SPDX-License-Identifier: GPL-2.0-only

//! Replaces functions of modules without metadata; for one of them, the author accepts that.

use klp::prelude::*;

#[klp::symbols(object = "nfs", unsafe)]
unsafe extern "C" {
    fn nfs_something(argument: u64) -> i32;
}

#[livepatch(description = "A patch that is wrong", license = "GPL")]
mod fixes {
    use klp::prelude::*;

    #[livepatch(object = "vsock", replaces = "vsock_dev_ioctl")]
    fn ioctl(_first: *mut c_void) {}

    #[livepatch(object = "nfs", replaces = "nfs_other", unsafe)]
    fn other(_first: *mut c_void) {}
}
