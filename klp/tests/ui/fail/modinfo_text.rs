// SPDX-License-Identifier: GPL-2.0-only

//! Texts that modinfo or the kernel's `module!` cannot represent.

use klp::prelude::*;

#[livepatch(
    object = "vmlinux",
    replaces = "a",
    description = "A fix\nof two lines",
    license = "GPL",
    authors = ["Jane\0Doe", "Jörg <joerg@example.org>", ""]
)]
fn control() {}

#[livepatch(object = "vmlinux", replaces = "b", description = " ", license = "GPL")]
fn empty() {}

#[livepatch(object = "vmlinux", replaces = "c", description = "A\0fix", license = "GPL")]
fn nul() {}

fn main() {}
