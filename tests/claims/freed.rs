// SPDX-License-Identifier: GPL-2.0-only

//! Takes a reference to an object that is being freed.
//!
//! Refused without unsafe: runs after the last reference to its argument is gone

#![forbid(unsafe_code)]

use kernel::sync::aref::ARef;
use kernel::sync::SetOnce;
use klp::prelude::*;

static KEPT: SetOnce<ARef<Task>> = SetOnce::new();

#[livepatch(object = "vmlinux", replaces = "__put_task_struct", description = "Test patch", license = "GPL"/* unsafe */)]
fn put(task: &Task) {
    KEPT.populate(ARef::from(task));
}
