// SPDX-License-Identifier: GPL-2.0-only

//! A callback in a patch that does not say which object it is about.

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
