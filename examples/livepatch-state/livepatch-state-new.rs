// SPDX-License-Identifier: GPL-2.0-only

//! The next version of `livepatch-state-old`: it is cumulative, so it replaces that patch, and continues
//! its count.

use klp::sync::Atomic;
use klp::{prelude::*, Object};

/// The number of tickets while one of the patches is enabled.
const TICKETS: u32 = 5;

#[livepatch(
    description = "Livepatch example: a system state, second version",
    license = "GPL",
    authors = ["The klp authors"],
    replace
)]
mod fix {
    use super::*;

    /// The number of tickets that this patch and the previous one have issued.
    ///
    /// From now on the kernel refuses a patch with an older version of the state, which would not print
    /// the numbers on tickets.
    #[state(id = 1, version = 2)]
    static GIVEN: State<Atomic<u32>>;

    #[pre_patch(object = "vmlinux")]
    fn begin(object: &Object) -> Result {
        if let Some(older) = GIVEN.previous(object) {
            pr_info!("taking over from version {}\n", older.version());
        }
        if GIVEN.inherit(object)? {
            return Ok(());
        }
        GIVEN.set(Atomic::new(0), GFP_KERNEL)
    }

    #[livepatch(object = "klp_tickets", replaces = "ticket_show")]
    fn ticket_show(m: &SeqFile, _v: *mut c_void) -> Result {
        let given = GIVEN.get().ok_or(EBUSY)?;
        let number = take(&given).ok_or(EBUSY)?;
        seq_print!(m, "ticket {number} of {TICKETS}\n");
        Ok(())
    }
}

/// Takes a ticket, and returns its number; `None` if none is left.
fn take(given: &Atomic<u32>) -> Option<u32> {
    let before = given.fetch_add_unless(1, TICKETS);
    (before < TICKETS).then_some(before + 1)
}
