// SPDX-License-Identifier: GPL-2.0-only

//! Attaching `ftrace_ops` to patch sites, and the order of changes.
//!
//! Most sites share one ops, so that many of them change in one pass over the kernel's text. A site with a dedicated
//! ops can be a jump. A patched site must never be without the handler, and ftrace must find at a site
//! what it wrote there. So guard ops are attached while a site moves from one ops to another, or its target changes.

use crate::errno::{Result, EAGAIN, EBUSY};
use crate::fault::{self, Fault};
use crate::memory::Vec;
use crate::platform::{Ops, Platform, Tracing};
use crate::snapshot::Locked;
use crate::types::{Site, SiteTarget, Target};

/// How often registering is attempted while owners of direct calls are busy. They sleep for a moment each time.
const REGISTER_ATTEMPTS: usize = 100;

/// The number of guards while targets change.
const ONE_GUARD: usize = 1;
/// The number of guards while ops are registered and unregistered, which then changes no text.
const BOTH_GUARDS: usize = 2;

/// A patch site with a dedicated ops.
#[derive(Debug)]
pub(crate) struct Dedicated<P: Platform> {
    /// The site and its target.
    pub(crate) at: SiteTarget,
    ops: P::Dedicated,
    attachment: Attachment,
}

/// How the handler is called at a site with a dedicated ops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Attachment {
    /// By that ops.
    Exclusive,
    /// By that ops, beside another ops with IPMODIFY: the site is not a jump.
    Beside,
    /// By the shared ops, because the dedicated one could not be registered.
    Shared,
    /// By an ops that ftrace fails to unregister.
    Stuck,
}

/// The shared ops.
#[derive(Debug)]
pub(crate) struct SharedOps {
    /// The number of attached sites. The filter may have more; see [`SharedOps::detach`].
    sites: usize,
}

impl SharedOps {
    /// Makes it, not registered.
    pub(crate) const fn new() -> Self {
        Self { sites: 0 }
    }

    /// Is no site attached?
    pub(crate) fn is_empty(&self) -> bool {
        self.sites == 0
    }

    /// Attaches `sites`, all or none.
    ///
    /// # Errors
    ///
    /// Those of [`Tracing::add_sites`] and [`Tracing::register`].
    pub(crate) fn attach<P: Platform>(
        &mut self,
        platform: &P,
        sites: &[Site],
        lock: &Locked<'_>,
    ) -> Result {
        platform.add_sites(Ops::Shared, sites, lock)?;
        if self.sites == 0 {
            register(platform, Ops::Shared, lock)
                .inspect_err(|_| Self::clear_filter(platform, lock))?;
        }
        self.sites = self.sites.saturating_add(sites.len());
        Ok(())
    }

    /// Detaches `sites`. Without memory they stay in the filter until the ops is unregistered: calls there go through
    /// the handler, which finds no redirect.
    pub(crate) fn detach<P: Platform>(&mut self, platform: &P, sites: &[Site], lock: &Locked<'_>) {
        let is_last = self.sites == sites.len();
        self.sites = self.sites.saturating_sub(sites.len());
        // A registered ops with an empty filter would trace every function.
        if is_last && platform.unregister(Ops::Shared, lock).is_err() {
            return;
        }
        if platform.remove_sites(Ops::Shared, sites, lock).is_err() && is_last {
            Self::clear_filter(platform, lock);
        }
    }

    /// Removes all sites: needs no memory, unlike removing single ones.
    fn clear_filter<P: Platform>(platform: &P, lock: &Locked<'_>) {
        // Walkers of ftrace's list may still read the filter.
        platform.wait_for_cpus(lock);
        platform.clear_sites(Ops::Shared, lock);
    }
}

/// Registers the ops, and retries while other ftrace users are busy.
fn register<P: Tracing>(platform: &P, ops: Ops<P::Dedicated>, lock: &Locked<'_>) -> Result {
    let mut result = platform.register(ops, lock);
    for _ in 1..REGISTER_ATTEMPTS {
        if result != Err(EAGAIN) {
            break;
        }
        result = platform.register(ops, lock);
    }
    result
}

/// Attaches the first `guards` guards to `sites`, all or none.
fn register_guards<P: Platform>(
    platform: &P,
    guards: usize,
    sites: &[Site],
    lock: &Locked<'_>,
) -> Result {
    if fault::is_injected(Fault::NoGuards) {
        return Ok(());
    }
    for guard in 0..guards {
        platform
            .add_sites(Ops::Guard(guard), sites, lock)
            .and_then(|()| platform.register(Ops::Guard(guard), lock))
            .inspect_err(|_| {
                unregister_guards(platform, guard, lock);
                platform.clear_sites(Ops::Guard(guard), lock);
            })?;
    }
    Ok(())
}

/// Detaches the first `guards` guards, and waits for a grace period.
fn unregister_guards<P: Platform>(platform: &P, guards: usize, lock: &Locked<'_>) {
    let guards = if fault::is_injected(Fault::NoGuards) {
        0..0
    } else {
        0..guards
    };
    for guard in guards.clone().rev() {
        // A guard that ftrace fails to unregister stays attached. Its handler does no harm.
        let _ = platform.unregister(Ops::Guard(guard), lock);
    }
    // For concurrent walkers of ftrace's list, before the guards are used again.
    platform.wait_for_cpus(lock);
    for guard in guards {
        platform.clear_sites(Ops::Guard(guard), lock);
    }
}

fn sites_of(targets: impl Iterator<Item = SiteTarget>) -> Result<Vec<Site>> {
    let mut sites = Vec::new();
    for target in targets {
        sites.push(target.site)?;
    }
    Ok(sites)
}

impl<P: Platform> Dedicated<P> {
    fn new(platform: &P, at: SiteTarget, lock: &Locked<'_>) -> Result<Self> {
        let ops = platform.new_dedicated(at.site, lock)?;
        platform.set_target(ops, at.target, lock);
        Ok(Self {
            at,
            ops,
            attachment: Attachment::Exclusive,
        })
    }

    /// Registers the ops of a site that is patched already, and stays so in any case.
    fn register_patched(&mut self, platform: &P, shared: &mut SharedOps, lock: &Locked<'_>) {
        let ops = Ops::Dedicated(self.ops);
        match register(platform, ops, lock) {
            Ok(()) => return,
            Err(EBUSY) => {
                // Another ops with IPMODIFY was attached in between. The handler runs beside it.
                platform.share_redirection(self.ops, lock);
                platform.set_target(self.ops, Target::Original, lock);
                if platform.register(ops, lock).is_ok() {
                    self.attachment = Attachment::Beside;
                    return;
                }
            }
            Err(_) => {}
        }
        self.attachment = Attachment::Shared;
        if shared.attach(platform, &[self.at.site], lock).is_err() {
            platform.bug(c"a patched function cannot be redirected any more");
        }
    }

    fn unregister(&mut self, platform: &P, shared: &mut SharedOps, lock: &Locked<'_>) {
        if self.attachment == Attachment::Shared {
            shared.detach(platform, &[self.at.site], lock);
        } else if platform.unregister(Ops::Dedicated(self.ops), lock).is_err() {
            self.attachment = Attachment::Stuck;
        }
    }

    /// Frees the ops. A grace period has passed since it was unregistered.
    fn free(self, platform: &P, lock: &Locked<'_>) {
        if self.attachment != Attachment::Stuck {
            platform.free_dedicated(self.ops, lock);
        }
    }
}

/// Appends dedicated ops for `targets` to `dedicated`, and attaches both guards to their sites. Returns the sites.
///
/// # Errors
///
/// `ENOMEM`; `ENODEV` when ftrace has shut itself down. Nothing is changed then.
fn prepare<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    platform: &P,
    targets: &[SiteTarget],
    lock: &Locked<'_>,
) -> Result<Vec<Site>> {
    let sites = sites_of(targets.iter().copied())?;
    dedicated.reserve(targets.len())?;
    let before = dedicated.len();
    let result = targets
        .iter()
        .try_for_each(|target| dedicated.push(Dedicated::new(platform, *target, lock)?))
        .and_then(|()| register_guards(platform, BOTH_GUARDS, &sites, lock));
    if let Err(errno) = result {
        free_from(dedicated, before, platform, lock);
        return Err(errno);
    }
    Ok(sites)
}

/// Removes and frees all ops from `first` on.
fn free_from<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    first: usize,
    platform: &P,
    lock: &Locked<'_>,
) {
    while dedicated.len() > first {
        if let Some(last) = dedicated.pop() {
            last.free(platform, lock);
        }
    }
}

/// Moves patched sites from the shared ops to dedicated ones, which are appended to `dedicated`.
///
/// # Errors
///
/// Those of [`prepare`].
pub(crate) fn register_dedicated<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    shared: &mut SharedOps,
    platform: &P,
    targets: &[SiteTarget],
    lock: &Locked<'_>,
) -> Result {
    let before = dedicated.len();
    let sites = prepare(dedicated, platform, targets, lock)?;
    shared.detach(platform, &sites, lock);
    for new in dedicated.get_mut(before..).unwrap_or_default() {
        new.register_patched(platform, shared, lock);
    }
    unregister_guards(platform, BOTH_GUARDS, lock);
    Ok(())
}

/// Moves a site that has no redirect yet to a dedicated ops, which other ftrace users may refuse.
///
/// # Errors
///
/// Those of [`prepare`] and [`Tracing::register`]. The site is detached then.
pub(crate) fn try_register_dedicated<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    shared: &mut SharedOps,
    platform: &P,
    target: SiteTarget,
    lock: &Locked<'_>,
) -> Result {
    let before = dedicated.len();
    let prepared = prepare(dedicated, platform, &[target], lock);
    shared.detach(platform, &[target.site], lock);
    prepared?;
    let ops = dedicated.get(before).map(|new| Ops::Dedicated(new.ops));
    let result = ops.map_or(Ok(()), |ops| register(platform, ops, lock));
    unregister_guards(platform, BOTH_GUARDS, lock);
    if result.is_err() {
        free_from(dedicated, before, platform, lock);
    }
    result
}

/// Retargets sites of `dedicated`, which is sorted, to other functions or the handler, in one pass.
///
/// # Errors
///
/// `ENOMEM`, `ENODEV`; then nothing is changed.
pub(crate) fn retarget<P: Platform>(
    dedicated: &mut [Dedicated<P>],
    platform: &P,
    targets: &[SiteTarget],
    lock: &Locked<'_>,
) -> Result {
    let sites = sites_of(targets.iter().copied())?;
    register_guards(platform, ONE_GUARD, &sites, lock)?;
    for target in targets {
        let index = dedicated.binary_search_by_key(&target.site, |dedicated| dedicated.at.site);
        let Some(dedicated) = index.ok().and_then(|index| dedicated.get_mut(index)) else {
            continue;
        };
        dedicated.at = *target;
        if dedicated.attachment == Attachment::Exclusive {
            platform.set_target(dedicated.ops, target.target, lock);
        }
    }
    unregister_guards(platform, ONE_GUARD, lock);
    Ok(())
}

/// Removes all ops from `first` on from `dedicated`, and detaches their sites: calls go to the original functions.
/// Needs no memory, but without it each ops is a text-patching pass.
pub(crate) fn unregister_dedicated<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    first: usize,
    shared: &mut SharedOps,
    platform: &P,
    lock: &Locked<'_>,
) {
    let leaving = dedicated.get_mut(first..).unwrap_or_default();
    let is_guarded = leaving.len() > 1
        && sites_of(leaving.iter().map(|dedicated| dedicated.at))
            .and_then(|sites| register_guards(platform, BOTH_GUARDS, &sites, lock))
            .is_ok();
    for dedicated in leaving {
        dedicated.unregister(platform, shared, lock);
    }
    if is_guarded {
        unregister_guards(platform, BOTH_GUARDS, lock);
    } else {
        platform.wait_for_cpus(lock);
    }
    free_from(dedicated, first, platform, lock);
}
