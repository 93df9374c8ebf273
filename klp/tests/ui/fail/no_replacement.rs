// SPDX-License-Identifier: GPL-2.0-only

//! A patch without replacements.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    pub(crate) fn show() {}
}

fn main() {
    fixes::show();
}
