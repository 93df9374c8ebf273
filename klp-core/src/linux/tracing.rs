// SPDX-License-Identifier: GPL-2.0-only

//! Patch sites: ftrace. The handler and each `ftrace_ops` are in `kernel/klp_ftrace.c`.

use super::{bindings, Kernel};
use crate::errno::{check, Result, EINVAL};
use crate::platform::Tracing;
use crate::snapshot::Locked;
use crate::types::SiteTarget;
use core::mem::{offset_of, size_of};

impl Tracing for Kernel {
    const CALL_SIZE: usize = bindings::MCOUNT_INSN_SIZE as usize;

    fn site(&self, function: usize) -> Option<usize> {
        // SAFETY: it looks the address up.
        let site = unsafe { bindings::ftrace_location(function) };
        (site != 0).then_some(site)
    }

    fn attach(&self, sites: &[usize], _lock: &Locked<'_>) -> Result {
        let count = u32::try_from(sites.len()).map_err(|_| EINVAL)?;
        // SAFETY: it reads that many; `lock` proves that the core's mutex is held.
        check(unsafe { bindings::klp_attach(sites.as_ptr().cast_mut(), count) }).map(drop)
    }

    fn detach(&self, sites: &[usize], _lock: &Locked<'_>) {
        // There are no more than were attached.
        let count = u32::try_from(sites.len()).unwrap_or(u32::MAX);
        // SAFETY: as above.
        unsafe { bindings::klp_detach(sites.as_ptr().cast_mut(), count) };
    }

    fn has_direct_call(&self, site: usize) -> bool {
        // SAFETY: it looks the site up.
        unsafe { bindings::klp_has_direct_call(site) }
    }

    fn max_jumps(&self) -> usize {
        // SAFETY: it reads a parameter.
        unsafe { bindings::klp_max_jumps() as usize }
    }

    fn is_exclusive(&self, site: usize) -> bool {
        // SAFETY: it reads the text at the site, as far as there is one.
        unsafe { bindings::klp_is_exclusive(site) }
    }

    fn register_dedicated(&self, targets: &[SiteTarget], _lock: &Locked<'_>) -> Result {
        let (targets, count) = to_c(targets);
        // SAFETY: as above.
        check(unsafe { bindings::klp_register_dedicated(targets, count, false) }).map(drop)
    }

    fn try_register_dedicated(&self, target: SiteTarget, _lock: &Locked<'_>) -> Result {
        let (target, count) = to_c(core::slice::from_ref(&target));
        // SAFETY: as above.
        check(unsafe { bindings::klp_register_dedicated(target, count, true) }).map(drop)
    }

    fn retarget(&self, targets: &[SiteTarget], _lock: &Locked<'_>) -> Result {
        let (targets, count) = to_c(targets);
        // SAFETY: as above.
        check(unsafe { bindings::klp_retarget(targets, count) }).map(drop)
    }

    fn unregister_dedicated(&self, targets: &[SiteTarget], _lock: &Locked<'_>) {
        let (targets, count) = to_c(targets);
        // SAFETY: as above.
        unsafe { bindings::klp_unregister_dedicated(targets, count) };
    }
}

const _: () = {
    use bindings::klp_site_target;
    assert!(size_of::<SiteTarget>() == size_of::<klp_site_target>());
    assert!(offset_of!(SiteTarget, site) == offset_of!(klp_site_target, site));
    assert!(offset_of!(SiteTarget, target) == offset_of!(klp_site_target, target));
};

fn to_c(targets: &[SiteTarget]) -> (*const bindings::klp_site_target, u32) {
    // There are no more than the parameter allows, which is one of these.
    let count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    (targets.as_ptr().cast(), count)
}
