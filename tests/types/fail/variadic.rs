// SPDX-License-Identifier: GPL-2.0-only

//! Replaces a variadic function.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "seq_printf",
            description = "A patch that is wrong", license = "GPL")]
fn print(_m: &SeqFile, _format: *const c_char) {}
