// SPDX-License-Identifier: GPL-2.0-only

//! Reads beyond the end of a variable.
//!
//! Refused: `tainted_mask` of `vmlinux` has 8 bytes

use klp::prelude::*;
use klp::sync::{Atomic, Relaxed};

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static tainted_mask: [Atomic<usize>; 512];
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "{}\n", tainted_mask[500].load(Relaxed));
    Ok(())
}
