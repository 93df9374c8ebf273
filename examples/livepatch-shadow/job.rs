// SPDX-License-Identifier: GPL-2.0-only

//! The structures of the module `klp_shadow_target`, and the data that both patches attach to them.

use klp::prelude::*;

/// A job. The functions that the patches replace are called with the lock that guards it.
#[kernel_struct("klp_job", object = "klp_shadow_target")]
pub(crate) struct Job {
    pub(crate) number: u32,
    /// The steps that are left. Any number is valid.
    #[write(unsafe)]
    pub(crate) steps: u32,
}

/// A plan, which the module allocates for each job, and leaks.
#[kernel_struct("klp_plan", object = "klp_shadow_target")]
#[derive(Persistent)]
pub(crate) struct Plan {
    job: u32,
    pub(crate) steps: u32,
}

/// A plan that is freed with its job, and logs that.
#[derive(Persistent)]
pub(crate) struct Kept {
    pub(crate) plan: Pin<KBox<Plan>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        pr_info!("freed the plan of job {}\n", self.plan.job());
    }
}
