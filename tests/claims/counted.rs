// SPDX-License-Identifier: GPL-2.0-only

//! Keeps an argument that nothing may refer to any more.
//!
//! Unfit without unsafe: it takes a reference

#![forbid(unsafe_code)]

use kernel::sync::aref::ARef;
use kernel::sync::SetOnce;
use klp::prelude::*;

static KEPT: SetOnce<ARef<Task>> = SetOnce::new();

// Nothing says that this is not called when the last reference has gone.
#[livepatch(object = "vmlinux", replaces = "wake_up_new_task", description = "Test patch", license = "GPL"/* unsafe */)]
fn freed(task: &Task) {
    KEPT.populate(ARef::from(task));
}
