// SPDX-License-Identifier: GPL-2.0-only

//! Callbacks without an object, with a wrong one, and two for one object.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn a() {}

    #[livepatch(object = "ext4", replaces = "a")]
    fn ext4() {}

    #[pre_patch]
    fn which(_: &klp::Object) -> Result {
        Ok(())
    }

    #[post_patch(object = "ext4.ko")]
    fn file(_: &klp::Object) {}

    #[post_patch(objekt = "ext4")]
    fn typo(_: &klp::Object) {}

    #[post_patch(object = "ext4", sympos = 1)]
    fn key(_: &klp::Object) {}

    #[pre_unpatch(object = "ext4")]
    fn first(_: &klp::Object) {}

    #[pre_unpatch(object = "ext4")]
    fn second(_: &klp::Object) {}

    #[post_unpatch(object = "ext4")]
    fn stays(_: &klp::Unpatched) {}
}

fn main() {}
