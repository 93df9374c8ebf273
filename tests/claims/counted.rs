// SPDX-License-Identifier: GPL-2.0-only

//! Takes a reference to an argument whose last reference may be gone.
//!
//! Unfit without unsafe: it takes a reference

#![forbid(unsafe_code)]

use kernel::sync::aref::ARef;
use kernel::sync::SetOnce;
use klp::prelude::*;

static KEPT: SetOnce<ARef<Task>> = SetOnce::new();

// The function may be called after the last reference was dropped.
#[livepatch(object = "vmlinux", replaces = "wake_up_new_task", description = "Test patch", license = "GPL"/* unsafe */)]
fn freed(task: &Task) {
    KEPT.populate(ARef::from(task));
}
