// SPDX-License-Identifier: GPL-2.0-only

//! Patch sites: ftrace. The handler and each `ftrace_ops` are in `kernel/klp_ftrace.c`.

use super::{bindings, Kernel};
use crate::errno::{check, Result, EINVAL, ENOMEM};
use crate::platform::{Ops, Tracing};
use crate::snapshot::Locked;
use crate::types::{Site, Target, TextRange};
use core::ptr::NonNull;

/// A dedicated `ftrace_ops`.
///
/// # Invariants
///
/// It came from `klp_ops_new()`, and the core has not freed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpsRef(NonNull<bindings::klp_site_ops>);

// SAFETY: used under the core's mutex only.
unsafe impl Send for OpsRef {}

/// The ops in C.
fn to_c(ops: Ops<OpsRef>) -> *mut bindings::klp_site_ops {
    match ops {
        // SAFETY: it gives the address of a static.
        Ops::Shared => unsafe { bindings::klp_ops_shared() },
        // SAFETY: there are two.
        Ops::Guard(guard) => unsafe { bindings::klp_ops_guard((guard != 0).into()) },
        Ops::Dedicated(ops) => ops.0.as_ptr(),
    }
}

fn set_sites(ops: Ops<OpsRef>, sites: &[Site], remove: bool) -> Result {
    let count = u32::try_from(sites.len()).map_err(|_| EINVAL)?;
    // `Site` has the representation of an address.
    let sites = sites.as_ptr().cast_mut().cast();
    // SAFETY: the ops is there, and it reads that many sites; the caller has the core's mutex.
    check(unsafe { bindings::klp_ops_set_sites(to_c(ops), sites, count, remove) }).map(drop)
}

impl Tracing for Kernel {
    const CALL_SIZE: usize = bindings::MCOUNT_INSN_SIZE as usize;

    type Dedicated = OpsRef;

    fn site(&self, function: TextRange) -> Option<Site> {
        let last = function.start.wrapping_add(function.size.saturating_sub(1));
        // With the range known, ftrace need not ask kallsyms for the function's size, as `ftrace_location()` does where
        // functions begin with an instruction of their own (IBT): that looks through all symbols of a module.
        // SAFETY: it looks the addresses up.
        Site::new(unsafe { bindings::ftrace_location_range(function.start, last) })
    }

    fn has_direct_call(&self, site: Site) -> bool {
        // SAFETY: it looks the site up.
        unsafe { bindings::klp_has_direct_call(site.address()) }
    }

    fn max_jumps(&self) -> usize {
        // SAFETY: it reads a parameter.
        unsafe { bindings::klp_max_jumps() as usize }
    }

    fn is_exclusive(&self, site: Site) -> bool {
        // SAFETY: it reads the text at the site, as far as there is one.
        unsafe { bindings::klp_is_exclusive(site.address()) }
    }

    fn add_sites(&self, ops: Ops<OpsRef>, sites: &[Site], _lock: &Locked<'_>) -> Result {
        set_sites(ops, sites, false)
    }

    fn remove_sites(&self, ops: Ops<OpsRef>, sites: &[Site], _lock: &Locked<'_>) -> Result {
        set_sites(ops, sites, true)
    }

    fn clear_sites(&self, ops: Ops<OpsRef>, _lock: &Locked<'_>) {
        // SAFETY: the ops is there and not registered; `lock` proves that the core's mutex is held.
        unsafe { bindings::klp_ops_clear_sites(to_c(ops)) };
    }

    fn register(&self, ops: Ops<OpsRef>, _lock: &Locked<'_>) -> Result {
        // SAFETY: the ops is there; `lock` proves that the core's mutex is held.
        check(unsafe { bindings::klp_ops_register(to_c(ops)) }).map(drop)
    }

    fn unregister(&self, ops: Ops<OpsRef>, _lock: &Locked<'_>) -> Result {
        // SAFETY: the ops is there; `lock` proves that the core's mutex is held.
        check(unsafe { bindings::klp_ops_unregister(to_c(ops)) }).map(drop)
    }

    fn new_dedicated(&self, site: Site, _lock: &Locked<'_>) -> Result<OpsRef> {
        // SAFETY: it allocates.
        let ops = unsafe { bindings::klp_ops_new(site.address()) };
        // INVARIANT: it came from there.
        NonNull::new(ops).map(OpsRef).ok_or(ENOMEM)
    }

    fn free_dedicated(&self, ops: OpsRef, _lock: &Locked<'_>) {
        // SAFETY: by the invariant it is there; the core does not use it any more, and has waited.
        unsafe { bindings::klp_ops_free(ops.0.as_ptr()) };
    }

    fn set_target(&self, ops: OpsRef, target: Target, _lock: &Locked<'_>) {
        // SAFETY: by the invariant it is there; `lock` proves that the core's mutex is held.
        unsafe { bindings::klp_ops_set_target(ops.0.as_ptr(), target.to_c()) };
    }

    fn share_redirection(&self, ops: OpsRef, _lock: &Locked<'_>) {
        // SAFETY: by the invariant it is there, and not registered.
        unsafe { bindings::klp_ops_share_redirection(ops.0.as_ptr()) };
    }
}
