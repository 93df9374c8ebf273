// SPDX-License-Identifier: GPL-2.0-only

//! Patch sites, by ftrace. The handler and each `ftrace_ops` are in `kernel/klp_ftrace.c`.

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

// SAFETY: it is used under the core's mutex only.
unsafe impl Send for OpsRef {}

/// The ops as a C pointer.
fn to_c(ops: Ops<OpsRef>) -> *mut bindings::klp_site_ops {
    match ops {
        // SAFETY: it only returns the address of a static.
        Ops::Shared => unsafe { bindings::klp_ops_shared() },
        // SAFETY: there are two guards, 0 and 1.
        Ops::Guard(guard) => unsafe { bindings::klp_ops_guard((guard != 0).into()) },
        Ops::Dedicated(ops) => ops.0.as_ptr(),
    }
}

fn set_sites(ops: Ops<OpsRef>, sites: &[Site], remove: bool) -> Result {
    let count = u32::try_from(sites.len()).map_err(|_| EINVAL)?;
    // `Site` has the representation of an address.
    let sites = sites.as_ptr().cast_mut().cast();
    // SAFETY: the ops is valid, and it reads that many sites; the caller holds the core's mutex.
    check(unsafe { bindings::klp_ops_set_sites(to_c(ops), sites, count, remove) }).map(drop)
}

impl Tracing for Kernel {
    const CALL_SIZE: usize = bindings::MCOUNT_INSN_SIZE as usize;

    type Dedicated = OpsRef;

    fn site(&self, function: TextRange) -> Option<Site> {
        let last = function.start.wrapping_add(function.size.saturating_sub(1));
        // Not `ftrace_location()`, which looks the function's size up in kallsyms where functions begin with ENDBR
        // (IBT): that searches all symbols of a module.
        // SAFETY: it only looks the addresses up.
        Site::new(unsafe { bindings::ftrace_location_range(function.start, last) })
    }

    fn has_direct_call(&self, site: Site) -> bool {
        // SAFETY: it only looks the site up.
        unsafe { bindings::klp_has_direct_call(site.address()) }
    }

    fn max_jumps(&self) -> usize {
        // SAFETY: it only reads a parameter.
        unsafe { bindings::klp_max_jumps() as usize }
    }

    fn is_exclusive(&self, site: Site) -> bool {
        // SAFETY: it reads the text at the site, with faults handled.
        unsafe { bindings::klp_is_exclusive(site.address()) }
    }

    fn idle_site(&self) -> Option<Site> {
        // SAFETY: it only looks the function up.
        Site::new(unsafe { bindings::klp_idle_site() })
    }

    fn has_others_since(&self, ops: Ops<OpsRef>, _lock: &Locked<'_>) -> bool {
        // SAFETY: it is registered, and stays so: `lock` proves that the core's mutex is held.
        unsafe { bindings::klp_ops_has_others_since(to_c(ops)) }
    }

    fn add_sites(&self, ops: Ops<OpsRef>, sites: &[Site], _lock: &Locked<'_>) -> Result {
        set_sites(ops, sites, false)
    }

    fn remove_sites(&self, ops: Ops<OpsRef>, sites: &[Site], _lock: &Locked<'_>) -> Result {
        set_sites(ops, sites, true)
    }

    fn clear_sites(&self, ops: Ops<OpsRef>, _lock: &Locked<'_>) {
        // SAFETY: the ops is valid and not registered; `lock` proves that the core's mutex is held.
        unsafe { bindings::klp_ops_clear_sites(to_c(ops)) };
    }

    fn register(&self, ops: Ops<OpsRef>, _lock: &Locked<'_>) -> Result {
        // SAFETY: the ops is valid; `lock` proves that the core's mutex is held.
        check(unsafe { bindings::klp_ops_register(to_c(ops)) }).map(drop)
    }

    fn unregister(&self, ops: Ops<OpsRef>, _lock: &Locked<'_>) -> Result {
        // SAFETY: the ops is valid; `lock` proves that the core's mutex is held.
        check(unsafe { bindings::klp_ops_unregister(to_c(ops)) }).map(drop)
    }

    fn new_dedicated(&self, site: Site, _lock: &Locked<'_>) -> Result<OpsRef> {
        // SAFETY: it only allocates and initialises the ops.
        let ops = unsafe { bindings::klp_ops_new(site.address()) };
        // INVARIANT: it came from `klp_ops_new()`, and is not freed.
        NonNull::new(ops).map(OpsRef).ok_or(ENOMEM)
    }

    fn free_dedicated(&self, ops: OpsRef, _lock: &Locked<'_>) {
        // SAFETY: by the invariant it is valid; it is unregistered, a grace period has passed, and the core does
        // not use it any more.
        unsafe { bindings::klp_ops_free(ops.0.as_ptr()) };
    }

    fn set_target(&self, ops: OpsRef, target: Target, _lock: &Locked<'_>) {
        // SAFETY: by the invariant it is valid; `lock` proves that the core's mutex is held.
        unsafe { bindings::klp_ops_set_target(ops.0.as_ptr(), target.to_c()) };
    }

    fn share_redirection(&self, ops: OpsRef, _lock: &Locked<'_>) {
        // SAFETY: by the invariant it is valid; it is not registered.
        unsafe { bindings::klp_ops_share_redirection(ops.0.as_ptr()) };
    }
}
