// SPDX-License-Identifier: GPL-2.0-only

//! The attribute on a `mod` in a separate file.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes;

fn main() {}
