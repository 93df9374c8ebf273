// SPDX-License-Identifier: GPL-2.0-only

//! A `sympos` that none of the functions has.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "m_show", sympos = 9,
            description = "A patch that is wrong", license = "GPL")]
fn show(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
