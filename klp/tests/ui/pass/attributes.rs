// SPDX-License-Identifier: GPL-2.0-only

//! Attributes that are allowed on a replacement, and `cfg` on a patch.

#![deny(warnings, missing_docs)]
use klp::prelude::*;

#[cfg(not(any()))]
#[cfg_attr(not(any()), allow(clippy::all))]
#[livepatch(description = "A fix", license = "GPL")]
#[allow(clippy::module_inception)]
/// The fixes.
pub mod fixes {
    /// Documented.
    #[livepatch(object = "vmlinux", replaces = "a")]
    #[allow(unused_variables)]
    #[cold]
    #[must_use]
    pub fn before_and_after(value: u8) -> u8 {
        1
    }

    #[expect(unused_variables)]
    #[livepatch(object = "vmlinux", replaces = "b")]
    fn expected(value: u8) {}
}

// A `cfg` removes the patch with all that was generated for it.
#[cfg(any())]
#[livepatch(description = "Other fixes", license = "GPL")]
mod other_fixes {
    #[livepatch(object = "vmlinux", replaces = "c")]
    fn function() {}
}

#[livepatch(object = "vmlinux", replaces = "d", description = "A fix", license = "GPL")]
#[cfg(any())]
fn function() {}

fn main() {}
