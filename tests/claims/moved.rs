// SPDX-License-Identifier: GPL-2.0-only

//! Swaps two structures that C has pointers to.
//!
//! Refused: cannot borrow data in dereference

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("vm_area_struct")]
pub struct Area;

#[livepatch(object = "vmlinux", replaces = "anon_vma_fork", description = "Test patch", license = "GPL")]
fn swap(mut first: Pin<KBox<Area>>, mut second: Pin<KBox<Area>>) -> i32 {
    core::mem::swap(&mut *first, &mut *second);
    0
}
