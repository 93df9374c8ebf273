// SPDX-License-Identifier: GPL-2.0-only

//! Callbacks with wrong signatures or attributes.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn a() {}

    #[pre_patch]
    fn no_result(_: &klp::Object) {}

    #[post_patch]
    fn result(_: &klp::Object) -> Result {
        Ok(())
    }

    #[post_patch]
    fn no_argument() {}

    #[post_patch]
    fn several_arguments(_: &klp::Object, _: u32) {}

    #[pre_unpatch]
    fn another_argument(_: &SeqFile) {}

    #[pre_unpatch]
    fn too_early(_: &klp::Unpatched) {}

    #[post_unpatch]
    unsafe fn not_safe(_: &klp::Unpatched) {}

    #[post_unpatch]
    fn generic<T>(_: &klp::Unpatched) {}

    #[post_unpatch]
    fn no_body(_: &klp::Unpatched);

    #[post_unpatch]
    #[cfg(test)]
    fn conditional(_: &klp::Unpatched) {}

    #[pre_patch]
    #[post_unpatch]
    fn two(_: &klp::Object) -> Result {
        Ok(())
    }

    #[pre_patch]
    #[livepatch(object = "vmlinux", replaces = "b")]
    fn both(_: &klp::Object) -> Result {
        Ok(())
    }
}

fn main() {}
