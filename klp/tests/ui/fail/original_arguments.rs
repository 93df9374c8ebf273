// SPDX-License-Identifier: GPL-2.0-only

//! Calls of the original with other arguments than those of the replacement.

use klp::prelude::*;

#[livepatch(description = "A check", license = "GPL")]
mod check {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "few")]
    fn few(m: &SeqFile, _v: *mut c_void) -> Result {
        original(m)
    }

    #[livepatch(object = "vmlinux", replaces = "other")]
    fn other(m: &SeqFile, v: *mut c_void) -> Result {
        original(v, m)
    }

    #[livepatch(object = "vmlinux", replaces = "result")]
    fn result(size: usize) -> Result<usize> {
        let size: usize = original(size);
        Ok(size)
    }
}

fn main() {}
