// SPDX-License-Identifier: GPL-2.0-only

//! Fixes a leak: attaches the leaked plan to its job, and frees it with the job.

mod job;

use job::{Job, Kept, Plan};
use klp::{prelude::*, Unpatched};

#[livepatch(
    description = "Livepatch example: a leak, fixed with a shadow variable",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod fix {
    use super::*;

    /// The plan of a job.
    #[shadow(id = 1)]
    static PLAN: Shadow<Job, Kept>;

    /// Takes ownership of the plan. If there is no memory to attach it, it is freed immediately, because
    /// the job does not need it any more.
    #[livepatch(object = "klp_shadow_target", replaces = "klp_job_start")]
    fn job_start(job: &Job, plan: Pin<KBox<Plan>>) {
        job.set_steps(plan.steps());
        if PLAN.alloc(job, Kept { plan }, GFP_KERNEL).is_err() {
            pr_warn!("job {} has no plan attached\n", job.number());
        }
    }

    /// A job that was started before the patch was enabled has no plan attached; its plan is leaked.
    #[livepatch(object = "klp_shadow_target", replaces = "klp_job_free")]
    fn job_free(mut job: Pin<KBox<Job>>) {
        PLAN.free(job.as_mut());
    }

    /// Frees the plans of jobs that continue without the patch, which would leak them.
    #[post_unpatch]
    fn clean_up(unpatched: &Unpatched) {
        PLAN.free_all(unpatched);
    }
}
