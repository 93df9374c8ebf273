// SPDX-License-Identifier: GPL-2.0-only

//! A function of a module of which nothing is known, and one of which the author accepts that.

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
