// SPDX-License-Identifier: GPL-2.0-only

//! Uses what the kernel keeps to itself: a static function and a static variable of vmlinux.
//!
//! `/proc/version` tells how the machine is: which taint flags the kernel has, and its load.

use klp::sync::{Atomic, Relaxed};
use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    /// Static in `kernel/panic.c`. The kernel sets bits of it at any time.
    safe static tainted_mask: Atomic<usize>;

    /// Static in `fs/proc/loadavg.c`. Writes a line to the file, as behind `/proc/loadavg`.
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
