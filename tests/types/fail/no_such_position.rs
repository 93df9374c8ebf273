// SPDX-License-Identifier: GPL-2.0-only

//! Has a `sympos` that none of the functions has.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "c_stop", sympos = 9,
            description = "A patch that is wrong", license = "GPL")]
fn stop(_m: &SeqFile, _v: *mut c_void) {}
