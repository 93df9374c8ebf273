// SPDX-License-Identifier: GPL-2.0-only

//! Every key, in arbitrary order, with a trailing comma.

#![deny(warnings)]
use klp::prelude::*;

#[livepatch(
    replace = true,
    name = "my_fix",
    authors = ["Jane Doe <jane@example.org>", r"John <john@example.org>",],
    license = "Dual MIT/GPL",
    description = "A fix for Jörg",
    sympos = 2,
    replaces = "show.isra.0",
    object = "ext4",
)]
fn show() {}

fn main() {}
