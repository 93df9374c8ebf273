// SPDX-License-Identifier: GPL-2.0-only

//! Arguments of types that C does not have.

use klp::prelude::*;

struct Own(u8);

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn function(_own: Own) {}

fn main() {}
