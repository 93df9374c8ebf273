// SPDX-License-Identifier: GPL-2.0-only

//! Writes to read-only memory.
//!
//! Refused: `rodata_enabled` of `vmlinux` is in read-only memory

use core::sync::atomic::{AtomicBool, Ordering};
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static rodata_enabled: AtomicBool;
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "{}\n", rodata_enabled.swap(false, Ordering::Relaxed));
    Ok(())
}
