// SPDX-License-Identifier: GPL-2.0-only

//! Values of the wrong form for their keys.

use klp::prelude::*;

const NAME: &str = "cmdline_proc_show";

#[livepatch(
    object = vmlinux,
    replaces = NAME,
    sympos = "1",
    description = concat!("A", "fix"),
    license = b"GPL",
    authors = "Jane Doe <jane@example.org>",
    name = 'x',
    replace = "yes"
)]
fn function() {}

#[livepatch(
    object,
    replaces = ["cmdline_proc_show"],
    sympos = -1,
    description = 1,
    license = true,
    authors = ["Jane Doe <jane@example.org>", John, "A" "B"],
    name = 1.5,
    replace = 1
)]
fn other_wrong_values() {}

#[livepatch(object = "vmlinux", replaces = "a", sympos = 1u8, description = "A fix", license = "GPL")]
fn suffix() {}

#[livepatch(object = "vmlinux", replaces = "a", sympos = 4294967296, description = "A fix", license = "GPL")]
fn too_large() {}

#[livepatch(object = "vmlinux", replaces = "a", sympos = 1 + 1, description = "A fix", license = "GPL")]
fn expression() {}

fn main() {}
