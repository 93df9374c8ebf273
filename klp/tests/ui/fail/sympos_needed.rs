// SPDX-License-Identifier: GPL-2.0-only

//! Several functions of one name, one of them without a `sympos`.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "ext4", replaces = "show")]
    fn first() {}

    #[livepatch(object = "ext4", replaces = "show", sympos = 2)]
    fn second() {}

    #[livepatch(object = "xfs", replaces = "show", sympos = 3)]
    fn third() {}

    #[livepatch(object = "xfs", replaces = "show", sympos = 0)]
    fn fourth() {}
}

fn main() {}
