// SPDX-License-Identifier: GPL-2.0-only

//! A patch that replaces nothing.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    pub(crate) fn show() {}
}

fn main() {
    fixes::show();
}
