// SPDX-License-Identifier: GPL-2.0-only

//! A function of variable arguments.

use klp::prelude::*;

#[livepatch(object = "vmlinux", replaces = "seq_printf",
            description = "A patch that is wrong", license = "GPL")]
fn print(_m: &SeqFile, _format: *const c_char) {}
