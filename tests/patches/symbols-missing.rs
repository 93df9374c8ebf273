// SPDX-License-Identifier: GPL-2.0-only

//! Uses a function that the kernel lacks.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe fn klp_test_no_such_function() -> i32;
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "Test patch", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> i32 {
    klp_test_no_such_function()
}
