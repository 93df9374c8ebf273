// SPDX-License-Identifier: GPL-2.0-only

//! What both patches know of the module `klp_shadow_target`: its structures, and the data that they
//! attach to them.

use core::cell::Cell;
use klp::prelude::*;

/// A job, under the module's lock.
#[kernel_struct("klp_job", object = "klp_shadow_target")]
#[repr(C)]
pub(crate) struct Job {
    _list: [usize; 2],
    pub(crate) number: u32,
    /// Still to do. The functions that the patches replace have the lock that guards it.
    pub(crate) steps: Cell<u32>,
}

/// What the module allocates for each job, and forgets.
#[kernel_struct("klp_plan", object = "klp_shadow_target")]
#[derive(Lasting)]
#[repr(C)]
pub(crate) struct Plan {
    job: u32,
    pub(crate) steps: u32,
    _notes: [u8; 32760],
}

/// A plan that is freed with its job, and says so.
#[derive(Lasting)]
pub(crate) struct Kept {
    pub(crate) plan: KBox<Plan>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        pr_info!("freed the plan of job {}\n", self.plan.job);
    }
}
