// SPDX-License-Identifier: GPL-2.0-only

//! Limits the tickets that a module issues, and counts them in a system state, from which the next
//! version of this patch continues.

use klp::sync::Atomic;
use klp::{prelude::*, Object};

/// The number of tickets while the patch is enabled.
const TICKETS: u32 = 3;

#[livepatch(
    description = "Livepatch example: a system state, first version",
    license = "GPL",
    authors = ["The klp authors"],
    replace
)]
mod fix {
    use super::*;

    /// The number of tickets that the patch has issued.
    #[state(id = 1, version = 1)]
    static GIVEN: State<Atomic<u32>>;

    /// Runs before anything is patched. It is a callback of vmlinux, which is patched exactly once;
    /// the module may be loaded and unloaded meanwhile.
    #[pre_patch(object = "vmlinux")]
    fn begin(object: &Object) -> Result {
        // A patch of the same version may already be enabled.
        if GIVEN.inherit(object)? {
            return Ok(());
        }
        GIVEN.set(Atomic::new(0), GFP_KERNEL)
    }

    #[livepatch(object = "klp_tickets", replaces = "klp_ticket_allowed")]
    fn ticket_allowed(_number: u32) -> bool {
        GIVEN.get().is_some_and(|given| take(&given))
    }
}

/// Takes a ticket. Returns `false` if none is left.
fn take(given: &Atomic<u32>) -> bool {
    given.add_unless(1, TICKETS)
}
