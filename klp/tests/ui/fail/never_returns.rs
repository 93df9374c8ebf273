// SPDX-License-Identifier: GPL-2.0-only

//! Replacements of functions that never return.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "vmlinux", replaces = "do_exit")]
    fn exit(_code: isize) {}

    #[livepatch(object = "vmlinux", replaces = "make_task_dead")]
    fn dead(signal: i32) {
        original(signal)
    }
}

fn main() {}
