// SPDX-License-Identifier: GPL-2.0-only

//! Replacements that are not directly in the `mod`.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    mod inner {
        #[livepatch(object = "vmlinux", replaces = "a")]
        fn in_a_mod() {}

        mod deeper {
            #[klp::livepatch(object = "vmlinux", replaces = "b")]
            fn in_two() {}
        }
    }

    #[livepatch(description = "Another fix", license = "GPL")]
    mod patch {
        #[livepatch(object = "vmlinux", replaces = "c")]
        fn in_a_patch() {}
    }

    pub(super) fn helper() {
        #[livepatch(object = "vmlinux", replaces = "d")]
        fn in_a_function() {}
        in_a_function();
    }

    #[allow(unused_macros)]
    macro_rules! replacement {
        () => {
            #[livepatch(object = "vmlinux", replaces = "e")]
            fn in_a_macro() {}
        };
    }
}

#[livepatch(object = "vmlinux", replaces = "f", description = "A fix", license = "GPL")]
fn function() {
    #[livepatch(object = "vmlinux", replaces = "g", description = "A fix", license = "GPL")]
    fn in_a_replacement() {}
    in_a_replacement();
}

fn main() {
    fixes::helper();
}
