// SPDX-License-Identifier: GPL-2.0-only

//! Calls that the kernel asks about: ftrace. The one `ftrace_ops` and its handler are in
//! `kernel/klp_glue.c`.

use super::{bindings, Kernel};
use crate::errno::{check, Result, EINVAL};
use crate::platform::Tracing;

impl Tracing for Kernel {
    fn site(&self, function: usize) -> Option<usize> {
        // SAFETY: it looks the address up.
        let site = unsafe { bindings::ftrace_location(function) };
        (site != 0).then_some(site)
    }

    fn attach(&self, sites: &[usize]) -> Result {
        let count = u32::try_from(sites.len()).map_err(|_| EINVAL)?;
        // SAFETY: it reads that many; the core's mutex is held.
        check(unsafe { bindings::klp_attach(sites.as_ptr().cast_mut(), count) }).map(drop)
    }

    fn detach(&self, sites: &[usize]) {
        // There are no more than were attached.
        let count = u32::try_from(sites.len()).unwrap_or(u32::MAX);
        // SAFETY: as above.
        unsafe { bindings::klp_detach(sites.as_ptr().cast_mut(), count) };
    }
}
