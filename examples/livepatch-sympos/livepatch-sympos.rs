// SPDX-License-Identifier: GPL-2.0-only

//! Replaces one of two functions of the same name, which `sympos` selects.

use klp::prelude::*;

#[livepatch(object = "klp_twins", replaces = "level_show", sympos = 2,
            description = "Livepatch example: the second of two functions of one name",
            license = "GPL", authors = ["The klp authors"])]
fn second_level(m: &SeqFile, _v: *mut c_void) -> Result {
    seq_print!(m, "second level, live patched\n");
    Ok(())
}
