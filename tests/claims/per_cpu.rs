// SPDX-License-Identifier: GPL-2.0-only

//! Reads the template of a per-CPU variable.
//!
//! Refused: `this_cpu_off` of `vmlinux` is a per-CPU variable

use klp::prelude::*;
use klp::sync::{Atomic, Relaxed};

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    safe static this_cpu_off: Atomic<usize>;
}

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "{}\n", this_cpu_off.load(Relaxed));
    Ok(())
}
