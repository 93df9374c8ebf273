// SPDX-License-Identifier: GPL-2.0-only

//! Has a value on the stack that is larger than the guard page.
//!
//! Unfit: of the stack, and the kernel allows 2048

#![forbid(unsafe_code)]

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "version_proc_show", description = "Test patch", license = "GPL")]
fn version(m: &SeqFile, v: *mut c_void) -> Result {
    let mut large = [0_u8; 65536];
    large[v.addr() & 0xffff] = 1;
    core::hint::black_box(&mut large);
    seq_print!(m, "{}\n", large[17]);
    Ok(())
}
