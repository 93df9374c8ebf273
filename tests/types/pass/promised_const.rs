// SPDX-License-Identifier: GPL-2.0-only

//! Declares a `const` pointer of C as writable: accepted, with a note.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "kvfree",
            description = "A patch that is right", license = "GPL")]
fn free(_address: *mut c_void) {}
