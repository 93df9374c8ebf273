// SPDX-License-Identifier: GPL-2.0-only

//! A second patch, on top of the first or alone: counts how often each job is worked on, also for existing
//! jobs, and logs the count when a job is freed.

mod job;

use klp::sync::{Atomic, Relaxed};
use job::{Job, Kept};
use klp::{prelude::*, Unpatched};

#[livepatch(
    description = "Livepatch example: a counter for objects that are there already",
    license = "GPL",
    authors = ["The klp authors"]
)]
mod fix {
    use super::*;

    /// The plan that the first patch attaches. This patch's `job_free` replaces that of the first.
    #[shadow(id = 1)]
    static PLAN: Shadow<Job, Kept>;

    /// How often a job was worked on since this patch was enabled.
    #[shadow(id = 2)]
    static WORKED: Shadow<Job, Atomic<u32>>;

    #[livepatch(object = "klp_shadow_target", replaces = "klp_job_step")]
    fn job_step(job: &Job) -> bool {
        // Without memory for the counter, the step is not counted.
        if let Ok(worked) = WORKED.get_or_try_init(job, GFP_KERNEL, || Ok(Atomic::new(0))) {
            worked.fetch_add(1, Relaxed);
        }
        original(job)
    }

    #[livepatch(object = "klp_shadow_target", replaces = "klp_job_free")]
    fn job_free(mut job: Pin<KBox<Job>>) {
        if let Ok(Some(worked)) = WORKED.take(job.as_mut()) {
            pr_info!("job {} was worked on {} times\n", job.number(), worked.load(Relaxed));
        }
        PLAN.free(job.as_mut());
    }

    #[post_unpatch]
    fn clean_up(unpatched: &Unpatched) {
        WORKED.free_all(unpatched);
        // Does nothing while the first patch is loaded, which still uses the plans.
        PLAN.free_all(unpatched);
    }
}
