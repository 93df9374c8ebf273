// SPDX-License-Identifier: GPL-2.0-only

//! Objects that are not valid module names.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fixes {
    #[livepatch(object = "", replaces = "a")]
    fn empty() {}

    #[livepatch(object = "snd-hda-intel", replaces = "a")]
    fn dashes() {}

    #[livepatch(object = "fs/ext4", replaces = "a")]
    fn path() {}

    #[livepatch(object = "ext4.ko", replaces = "a")]
    fn file() {}

    #[livepatch(object = "/lib/modules/kernel/fs/ext4/ext4.ko.xz", replaces = "a")]
    fn path_and_file() {}

    #[livepatch(object = "ext4 ", replaces = "a")]
    fn space() {}

    #[livepatch(object = "ext4\0", replaces = "a")]
    fn nul() {}

    #[livepatch(object = "éxt4", replaces = "a")]
    fn letter() {}

    #[livepatch(object = "a_name_that_is_longer_than_any_module_of_the_kernel_has_1", replaces = "a")]
    fn long() {}
}

fn main() {}
