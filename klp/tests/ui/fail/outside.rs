// SPDX-License-Identifier: GPL-2.0-only

//! Attributes of a patch outside of a patch.

use klp::prelude::*;

#[pre_patch]
fn before(_: &klp::Object) -> Result {
    Ok(())
}

#[klp::post_patch(object = "vmlinux")]
fn after(_: &klp::Object) {}

#[shadow(id = 1)]
static SHADOW: Shadow<Task, u32>;

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[livepatch(object = "vmlinux", replaces = "a")]
    fn a() {}

    mod inner {
        use super::*;

        #[post_unpatch]
        fn gone(_: &klp::Unpatched) {}

        #[state(id = 1, version = 1)]
        static STATE: State<u32>;
    }
}

fn main() {}
