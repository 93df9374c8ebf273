// SPDX-License-Identifier: GPL-2.0-only

//! Returns nothing where C expects a result.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is wrong", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) {}
