// SPDX-License-Identifier: GPL-2.0-only

//! The module has two functions of this name, and the patch has no `sympos`.

use klp::prelude::*;

#[livepatch(object = "klp_twins", replaces = "level_show",
            description = "Test patch", license = "GPL")]
fn replacement(_m: &SeqFile, _v: *mut c_void) -> Result {
    Ok(())
}
