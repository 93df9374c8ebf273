// SPDX-License-Identifier: GPL-2.0-only

//! A pointer to write through where C promises only to read: right, and worth a note.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "kvfree",
            description = "A patch that is right", license = "GPL")]
fn free(_address: *mut c_void) {}
