// SPDX-License-Identifier: GPL-2.0-only

//! The declared length of a buffer is a claim, which the lint `unsafe_code` finds.

#![forbid(unsafe_code)]

use klp::bytes::Bytes;
use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn receive(#[counted_by(length, unsafe)] message: Bytes<'_>, length: usize) {
    original(message.first(8).unwrap_or(message), length)
}

fn main() {}
