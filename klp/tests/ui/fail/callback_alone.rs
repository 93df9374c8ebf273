// SPDX-License-Identifier: GPL-2.0-only

//! A callback without an object, in a patch without functions.

use klp::prelude::*;

#[livepatch(description = "A fix", license = "GPL")]
mod fix {
    use super::*;

    #[pre_patch]
    fn which(_: &klp::Object) -> Result {
        Ok(())
    }
}

fn main() {}
