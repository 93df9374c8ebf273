// SPDX-License-Identifier: GPL-2.0-only

//! Uses symbols that are not exported: a static function and a static variable of vmlinux.
//!
//! `/proc/version` shows the kernel's taint flags and the load average.

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    /// Static in `kernel/panic.c`. The kernel may set bits at any time.
    safe static tainted_mask: Atomic<usize>;

    /// Static in `fs/proc/loadavg.c`. Writes the line that `/proc/loadavg` shows.
    safe fn loadavg_proc_show(m: &SeqFile, v: *mut c_void) -> i32;
}

#[livepatch(
    object = "vmlinux",
    replaces = "version_proc_show",
    description = "Livepatch example: functions and data that are not exported",
    license = "GPL",
    authors = ["The klp authors"]
)]
fn version(m: &SeqFile, v: *mut c_void) -> i32 {
    seq_print!(m, "taint {}\nload ", tainted_mask.load(Relaxed));
    loadavg_proc_show(m, v)
}
