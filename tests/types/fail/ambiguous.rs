// SPDX-License-Identifier: GPL-2.0-only

//! Replaces one of several functions with the same name, without `sympos`.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "c_stop",
            description = "A patch that is wrong", license = "GPL")]
fn stop(_m: &SeqFile, _v: *mut c_void) {}
