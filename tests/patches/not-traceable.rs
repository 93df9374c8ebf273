// SPDX-License-Identifier: GPL-2.0-only

//! The function exists, but is entered where nothing may be traced.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "exc_nmi", description = "Test patch", license = "GPL")]
fn replacement(_regs: *mut c_void) {}
