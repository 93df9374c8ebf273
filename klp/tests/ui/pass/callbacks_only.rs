// SPDX-License-Identifier: GPL-2.0-only

//! A patch without a replacement.

#![deny(warnings)]
use klp::livepatch;

#[livepatch(description = "Watches a module", license = "GPL")]
mod watch {
    #[klp::pre_patch(object = "ext4")]
    fn f(_: &klp::Object) -> Result<(), klp::prelude::Error> {
        Ok(())
    }
}

fn main() {}
