// SPDX-License-Identifier: GPL-2.0-only

//! What both patches know of the module `klp_shadow_target`: its structures, and the data that they
//! attach to them.

use klp::prelude::*;

/// A job. The functions that the patches replace have the lock that guards it.
#[kernel_struct("klp_job", object = "klp_shadow_target")]
pub(crate) struct Job {
    pub(crate) number: u32,
    /// Still to do: any number of steps is good.
    #[write(unsafe)]
    pub(crate) steps: u32,
}

/// What the module allocates for each job, and forgets.
#[kernel_struct("klp_plan", object = "klp_shadow_target")]
#[derive(Persistent)]
pub(crate) struct Plan {
    job: u32,
    pub(crate) steps: u32,
}

/// A plan that is freed with its job, and says so.
#[derive(Persistent)]
pub(crate) struct Kept {
    pub(crate) plan: Pin<KBox<Plan>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        pr_info!("freed the plan of job {}\n", self.plan.job());
    }
}
