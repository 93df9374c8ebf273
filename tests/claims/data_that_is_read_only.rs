// SPDX-License-Identifier: GPL-2.0-only

//! Writes to read-only memory.
//!
//! Refused: `rodata_enabled` of `vmlinux` is in read-only memory

use klp::prelude::*;
use klp::sync::{Atomic, Relaxed};

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static rodata_enabled: Atomic<bool>;
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "{}\n", rodata_enabled.xchg(false, Relaxed));
    Ok(())
}
