// SPDX-License-Identifier: GPL-2.0-only

//! Calls that the kernel asks about: ftrace. The handler and each `ftrace_ops` are in
//! `kernel/klp_text.c`.

use super::{bindings, Kernel};
use crate::errno::{check, Result, EINVAL};
use crate::platform::Tracing;
use crate::types::SiteTarget;
use core::mem::{offset_of, size_of};

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

    fn is_shared(&self, site: usize) -> bool {
        // SAFETY: it looks the site up.
        unsafe { bindings::klp_is_shared(site) }
    }

    fn max_jumps(&self) -> usize {
        // SAFETY: it reads a parameter.
        unsafe { bindings::klp_max_jumps() as usize }
    }

    fn own(&self, entries: &[SiteTarget]) -> Result {
        let (entries, count) = to_c(entries);
        // SAFETY: it reads that many; the core's mutex is held.
        check(unsafe { bindings::klp_own(entries, count, false) }).map(drop)
    }

    fn own_new(&self, entry: SiteTarget) -> Result {
        let (entry, count) = to_c(core::slice::from_ref(&entry));
        // SAFETY: as above.
        check(unsafe { bindings::klp_own(entry, count, true) }).map(drop)
    }

    fn point(&self, entries: &[SiteTarget]) -> Result {
        let (entries, count) = to_c(entries);
        // SAFETY: as above.
        check(unsafe { bindings::klp_point(entries, count) }).map(drop)
    }

    fn disown(&self, entries: &[SiteTarget]) {
        let (entries, count) = to_c(entries);
        // SAFETY: as above.
        unsafe { bindings::klp_disown(entries, count) };
    }
}

const _: () = {
    use bindings::klp_entry;
    assert!(size_of::<SiteTarget>() == size_of::<klp_entry>());
    assert!(offset_of!(SiteTarget, site) == offset_of!(klp_entry, site));
    assert!(offset_of!(SiteTarget, target) == offset_of!(klp_entry, target));
};

fn to_c(entries: &[SiteTarget]) -> (*const bindings::klp_entry, u32) {
    // There are no more than the parameter allows, which is one of these.
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    (entries.as_ptr().cast(), count)
}
