// SPDX-License-Identifier: GPL-2.0-only

//! A module's init function is safe to call, and enables the patch only once.
#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show", description = "A fix", license = "GPL")]
fn cmdline(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}

fn init() -> Result {
    static MODULE: ThisModule = ThisModule::ON_HOST;
    <__livepatch::Module as klp::__private::Module>::init(&MODULE).map(drop)
}

fn main() {
    // On the host, enabling a patch fails.
    assert_eq!(init(), Err(ENOSYS));
    assert_eq!(init(), Err(EBUSY));
}
