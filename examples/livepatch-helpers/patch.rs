// SPDX-License-Identifier: GPL-2.0-only

//! Uses macros and inline functions of the kernel through C functions that are part of the patch.

use klp::prelude::*;

#[klp::helpers]
unsafe extern "C" {
    safe fn helpers_online() -> u32;
    safe fn helpers_kthreads() -> u32;
    safe fn helpers_overflowed(m: &SeqFile) -> bool;
}

/// Shows the numbers from the helpers in `/proc/version`.
#[livepatch(
    object = "vmlinux",
    replaces = "version_proc_show",
    description = "Livepatch example: functions in C",
    license = "GPL",
    authors = ["The klp authors"]
)]
fn version(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "{} CPUs, {} kernel threads\n", helpers_online(), helpers_kthreads());
    if helpers_overflowed(m) {
        pr_info!("read again, with a larger buffer\n");
    }
    Ok(())
}
