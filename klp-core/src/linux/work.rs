// SPDX-License-Identifier: GPL-2.0-only

//! Deferred work and grace periods.

use super::{bindings, Kernel, PatchRef};
use crate::platform::Work;
use crate::snapshot::{GracePeriods, Locked};
use core::time::Duration;

// SAFETY: `wait_for_cpus` returns when work has run on every CPU, so preemption was on there.
unsafe impl GracePeriods for Kernel {
    fn wait_for_cpus(&self, _lock: &Locked<'_>) {
        // SAFETY: it sleeps, and so may the core under its mutex, which `lock` proves to be held.
        unsafe { bindings::klp_wait_for_cpus() };
    }
}

impl Work for Kernel {
    fn retry_in(&self, wait: Duration) {
        // SAFETY: the timer is set up before the first patch.
        unsafe { bindings::klp_retry_in(nanoseconds(wait)) };
    }

    fn promote_in(&self, wait: Duration) {
        // SAFETY: the work item is static.
        unsafe { bindings::klp_promote_in(nanoseconds(wait)) };
    }

    fn release_later(&self, patch: PatchRef, keep: bool) {
        // SAFETY: the patch is not used after this.
        unsafe { bindings::klp_release_later(patch.0.as_ptr(), keep) };
    }
}

/// Converts for C. Waits are seconds at most, so this does not saturate.
fn nanoseconds(wait: Duration) -> u64 {
    u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)
}
