// SPDX-License-Identifier: GPL-2.0-only

//! Things that are done later, or waited for.

use super::{bindings, Kernel, PatchRef};
use crate::platform::snapshot::GracePeriod;
use crate::platform::Work;
use ::kernel::ffi::c_ulong;

impl Work for Kernel {
    fn wait_for_cpus(&self) -> GracePeriod {
        // SAFETY: it sleeps, and so may the core under its mutex. Work ran on every CPU since, so
        // preemption was on there.
        unsafe {
            bindings::klp_wait_for_cpus();
            GracePeriod::elapsed()
        }
    }

    fn retry_in(&self, ticks: u64) {
        // SAFETY: the work is always there.
        unsafe { bindings::klp_retry_in(ticks as c_ulong) };
    }

    fn settle_in(&self, ticks: u64) {
        // SAFETY: as above.
        unsafe { bindings::klp_settle_in(ticks as c_ulong) };
    }

    fn ticks_per_second(&self) -> u64 {
        // SAFETY: it returns a constant.
        unsafe { bindings::klp_ticks_per_second() as u64 }
    }

    fn release_later(&self, patch: PatchRef, keep: bool) {
        // SAFETY: the patch is not used after this.
        unsafe { bindings::klp_release_later(patch.0.as_ptr(), keep) };
    }
}
