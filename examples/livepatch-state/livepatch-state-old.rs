// SPDX-License-Identifier: GPL-2.0-only

//! Limits what a module gives away, and counts in a system state: the next version of this patch
//! goes on from there.

use klp::sync::Atomic;
use klp::{prelude::*, Object};

/// How many tickets there are while the patch is enabled.
const TICKETS: u32 = 3;

#[livepatch(
    description = "Livepatch example: a system state, first version",
    license = "GPL",
    authors = ["The klp authors"],
    replace
)]
mod fix {
    use super::*;

    /// How many tickets have been given under the patch.
    #[state(id = 1, version = 1)]
    static GIVEN: State<Atomic<u32>>;

    /// Before anything is patched. The kernel itself is patched with every patch, and once;
    /// the module comes and goes.
    #[pre_patch(object = "vmlinux")]
    fn begin(object: &Object) -> Result {
        // An enabled patch of the same version may have counted.
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

/// Counts one more ticket, if there is one.
fn take(given: &Atomic<u32>) -> bool {
    given.add_unless(1, TICKETS)
}
