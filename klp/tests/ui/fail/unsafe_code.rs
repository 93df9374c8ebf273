// SPDX-License-Identifier: GPL-2.0-only

//! The author's claims in a crate that forbids unsafe code.

#![forbid(unsafe_code)]

use klp::prelude::*;
use klp::sync::Mutex;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn kfree(p: *const c_void);
    safe fn commit_creds(new: *mut c_void) -> i32;
}

#[kernel_struct("seq_file")]
struct Sequence {
    #[write(unsafe)]
    count: usize,
    #[active(unsafe)]
    lock: Mutex,
}

#[livepatch(object = "vmlinux", replaces = "f", description = "A fix", license = "GPL", unsafe)]
fn f() {
    kfree(core::ptr::null());
    commit_creds(core::ptr::null_mut());
}

fn main() {}
