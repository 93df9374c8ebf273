// SPDX-License-Identifier: GPL-2.0-only

//! The attribute on methods.

use klp::prelude::*;

struct Fix;

impl Fix {
    #[livepatch(object = "vmlinux", replaces = "a", description = "A fix", license = "GPL")]
    fn by_reference(&self, _file: &SeqFile) {}
}

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    struct Fix;

    impl Fix {
        #[livepatch(object = "vmlinux", replaces = "b")]
        fn by_value(self) {}
    }
}

fn main() {}
