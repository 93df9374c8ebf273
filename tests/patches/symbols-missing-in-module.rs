// SPDX-License-Identifier: GPL-2.0-only

//! Uses a function that a module lacks, which is detected when the module is loaded.

use klp::prelude::*;

#[klp::symbols(object = "klp_greeter")]
unsafe extern "C" {
    safe fn klp_test_no_such_function() -> i32;
}

#[livepatch(object = "klp_greeter", replaces = "greeting_show",
            description = "Test patch", license = "GPL")]
fn greeting(_m: &SeqFile, _v: *mut c_void) -> i32 {
    klp_test_no_such_function()
}
