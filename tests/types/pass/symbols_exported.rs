// SPDX-License-Identifier: GPL-2.0-only

//! Declares exported symbols, which need no livepatch.

use klp::prelude::*;

#[klp::symbols(object = "vmlinux")]
unsafe extern "C" {
    fn seq_putc(m: &SeqFile, c: c_char);
}

#[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
            description = "A patch that is right", license = "GPL")]
fn cmdline(m: &SeqFile, _v: *mut c_void) -> Result {
    // SAFETY: `m` is valid during the call.
    unsafe { seq_putc(m, b'a' as c_char) };
    Ok(())
}
