// SPDX-License-Identifier: GPL-2.0-only

//! Calls an original whose entry the build does not know, because the module's file is missing.

use klp::prelude::*;

#[livepatch(object = "klp_originals", replaces = "originals_is_even", unsafe,
            description = "Test patch", license = "GPL")]
fn is_even(number: u32) -> bool {
    original(number + 1)
}
