// SPDX-License-Identifier: GPL-2.0-only

//! A length is a claim that the lint finds.

#![forbid(unsafe_code)]

use klp::bytes::Bytes;
use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
fn receive(#[counted_by(length, unsafe)] message: Bytes<'_>, length: usize) {
    original(message.first(8).unwrap_or(message), length)
}

fn main() {}
