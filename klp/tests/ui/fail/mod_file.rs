// SPDX-License-Identifier: GPL-2.0-only

//! The attribute on a mod that stands in a file of its own.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes;

fn main() {}
