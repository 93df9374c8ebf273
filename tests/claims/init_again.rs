// SPDX-License-Identifier: GPL-2.0-only

//! Enables the patch a second time.
//!
//! Harmless: a second call of a module's init does nothing.

#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, _v: *mut c_void) -> Result {
    let again = <crate::__livepatch::Module as kernel::Module>::init(&crate::THIS_MODULE);
    seq_print!(m, "{}\n", again.is_ok());
    Ok(())
}
