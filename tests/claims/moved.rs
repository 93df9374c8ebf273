// SPDX-License-Identifier: GPL-2.0-only

//! Swaps two structures to which C has pointers.
//!
//! Refused: cannot borrow data in dereference

#![forbid(unsafe_code)]

use klp::prelude::*;

#[kernel_struct("kobject")]
pub struct Kobject;

#[livepatch(object = "vmlinux", replaces = "kobject_move", description = "Test patch", license = "GPL")]
fn swap(mut kobj: Pin<KBox<Kobject>>, mut parent: Pin<KBox<Kobject>>) -> i32 {
    core::mem::swap(&mut *kobj, &mut *parent);
    0
}
