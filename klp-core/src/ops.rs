// SPDX-License-Identifier: GPL-2.0-only

//! Attaching `ftrace_ops` to patch sites, and the order of changes.
//!
//! Most sites share one ops, so that many of them change in one pass over the kernel's text. A site with a dedicated
//! ops can be a jump. A patched site must never be without the handler, and ftrace must find at a site
//! what it wrote there. So guard ops are attached while a site moves from one ops to another, or its target changes.
//!
//! ftrace calls the ops of a site from the newest to the oldest, so the oldest decides where a call goes. Other users can
//! redirect calls without IPMODIFY, as kprobes do; all kprobes share an ops, which may get a site long after it was
//! registered. A patch takes precedence over ops that are registered after it. So a site moves only if its
//! dedicated ops takes the place of the shared one in that order: none of another user is between them.

use crate::errno::{Result, EAGAIN, EBUSY, EINVAL};
use crate::guards::Guards;
use crate::memory::Vec;
use crate::platform::{Ops, Platform, Tracing};
use crate::snapshot::Locked;
use crate::sort;
use crate::types::{Site, SiteTarget, Target};

/// How often registering is attempted while owners of direct calls are busy. They sleep for a moment each time.
const REGISTER_ATTEMPTS: usize = 100;

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
    /// By the shared ops, because another user registered an ops during the move. The dedicated one is unused.
    Returned,
    /// By an ops that ftrace fails to unregister.
    Stuck,
}

/// The shared ops.
#[derive(Debug)]
pub(crate) struct SharedOps {
    /// The number of attached sites. The filter may have more; see [`SharedOps::detach`].
    sites: usize,
    /// Whether the filter has more sites.
    has_leftovers: bool,
}

impl SharedOps {
    /// Makes it, not registered.
    pub(crate) const fn new() -> Self {
        Self {
            sites: 0,
            has_leftovers: false,
        }
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
        let is_removed = platform.remove_sites(Ops::Shared, sites, lock).is_ok();
        self.has_leftovers |= !is_removed;
        if is_last && self.has_leftovers {
            Self::clear_filter(platform, lock);
            self.has_leftovers = false;
        }
    }

    /// Detaches `sites`, which are not all.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing is changed then.
    fn try_detach<P: Platform>(
        &mut self,
        platform: &P,
        sites: &[Site],
        lock: &Locked<'_>,
    ) -> Result {
        platform.remove_sites(Ops::Shared, sites, lock)?;
        self.sites = self.sites.saturating_sub(sites.len());
        Ok(())
    }

    /// Keeps the ops registered, and so its age, while its last `leaving` sites move. Returns whether it now has
    /// the site `idle` too, which has to be detached in the end.
    ///
    /// # Errors
    ///
    /// Those of [`SharedOps::attach`].
    fn stay_registered<P: Platform>(
        &mut self,
        platform: &P,
        leaving: usize,
        idle: Site,
        lock: &Locked<'_>,
    ) -> Result<bool> {
        let is_last = self.sites == leaving;
        if is_last {
            self.attach(platform, &[idle], lock)?;
        }
        Ok(is_last)
    }

    /// Has another user registered an ops after this one, so that it would be older than a dedicated one? If this one
    /// is not registered, each may be.
    fn has_newer_users<P: Platform>(&self, platform: &P, lock: &Locked<'_>) -> bool {
        self.is_empty() || platform.has_others_since(Ops::Shared, lock)
    }

    /// Moves `sites` to dedicated ops, which are not registered yet. Both guards are attached.
    ///
    /// # Errors
    ///
    /// Those of [`SharedOps::attach`]; nothing is changed then.
    fn hand_over<P: Platform>(
        &mut self,
        new: &mut [Dedicated<P>],
        sites: &[Site],
        platform: &P,
        lock: &Locked<'_>,
    ) -> Result {
        let idle = platform.idle_site().ok_or(EINVAL)?;
        // Users that register an ops after this are newer than the guards.
        if self.has_newer_users(platform, lock) {
            new.iter_mut()
                .for_each(|new| new.attachment = Attachment::Returned);
            return Ok(());
        }
        let holds_idle = self.stay_registered(platform, sites.len(), idle, lock)?;
        let result = self.try_detach(platform, sites, lock);
        if result.is_ok() {
            for new in new.iter_mut() {
                new.register_patched(platform, self, lock);
            }
            if self.has_newer_users(platform, lock) {
                return_to_shared(new, self, platform, lock);
            }
        }
        if holds_idle {
            self.detach(platform, &[idle], lock);
        }
        result
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
            Ok(()) => {
                self.attachment = Attachment::Exclusive;
                return;
            }
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

/// Appends dedicated ops for `targets` to `dedicated`, not registered.
///
/// # Errors
///
/// `ENOMEM`; nothing is changed then.
fn allocate<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    platform: &P,
    targets: &[SiteTarget],
    lock: &Locked<'_>,
) -> Result {
    dedicated.reserve(targets.len())?;
    let before = dedicated.len();
    targets
        .iter()
        .try_for_each(|target| dedicated.push(Dedicated::new(platform, *target, lock)?))
        .inspect_err(|_| free_from(dedicated, before, platform, lock))
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

/// Moves patched sites that no other ftrace user is at from the shared ops to dedicated ones, which are appended to
/// `dedicated`. Returns the number of moved sites: none if another user has registered an ops after the shared one, for
/// example since the caller looked at the sites.
///
/// # Errors
///
/// Those of [`Tracing::add_sites`] and [`Tracing::register`]; nothing is changed then.
pub(crate) fn register_dedicated<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    shared: &mut SharedOps,
    platform: &P,
    targets: &[SiteTarget],
    lock: &Locked<'_>,
) -> Result<usize> {
    if shared.has_newer_users(platform, lock) {
        return Ok(0);
    }
    let sites = sites_of(targets.iter().copied())?;
    let before = dedicated.len();
    allocate(dedicated, platform, targets, lock)?;
    let result = Guards::attach_both(platform, &sites, lock).and_then(|guards| {
        let new = dedicated.get_mut(before..).unwrap_or_default();
        let result = shared.hand_over(new, &sites, platform, lock);
        guards.detach(platform, lock);
        result
    });
    // The grace period since those that returned were unregistered is over; the others were not registered.
    let moved = sort::partition_in_place(
        dedicated.get_mut(before..).unwrap_or_default(),
        |new: &Dedicated<P>| result.is_err() || new.attachment == Attachment::Returned,
    );
    free_from(dedicated, before.saturating_add(moved), platform, lock);
    result.map(|()| moved)
}

/// Moves sites back to the shared ops, which is older than the other users' ops. The guards are attached.
///
/// Sites stay if a direct call is attached, whose owner would not be notified, or without memory.
fn return_to_shared<P: Platform>(
    moved: &mut [Dedicated<P>],
    shared: &mut SharedOps,
    platform: &P,
    lock: &Locked<'_>,
) {
    let can_return = |new: &&mut Dedicated<P>| {
        new.attachment == Attachment::Exclusive && !platform.has_direct_call(new.at.site)
    };
    for new in moved.iter_mut().filter(can_return) {
        let site = new.at.site;
        new.unregister(platform, shared, lock);
        if new.attachment == Attachment::Stuck {
            return;
        }
        let is_attached = shared.attach(platform, &[site], lock).is_ok();
        // Checked after attaching: owners of later direct calls are notified.
        if is_attached && !platform.has_direct_call(site) {
            new.attachment = Attachment::Returned;
            continue;
        }
        if is_attached {
            shared.detach(platform, &[site], lock);
        }
        // Concurrent walkers of ftrace's list may still be at the ops.
        platform.wait_for_cpus(lock);
        new.register_patched(platform, shared, lock);
    }
}

/// Moves a site that has no redirect yet to a dedicated ops, which other ftrace users may refuse.
///
/// # Errors
///
/// `ENOMEM`, and those of [`Tracing::register`]. The site is detached then.
pub(crate) fn try_register_dedicated<P: Platform>(
    dedicated: &mut Vec<Dedicated<P>>,
    shared: &mut SharedOps,
    platform: &P,
    target: SiteTarget,
    lock: &Locked<'_>,
) -> Result {
    let before = dedicated.len();
    let prepared = allocate(dedicated, platform, &[target], lock)
        .and_then(|()| Guards::attach_both(platform, &[target.site], lock));
    shared.detach(platform, &[target.site], lock);
    let result = prepared.and_then(|guards| {
        let ops = dedicated.get(before).map(|new| Ops::Dedicated(new.ops));
        let result = ops.map_or(Ok(()), |ops| register(platform, ops, lock));
        guards.detach(platform, lock);
        result
    });
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
    let guards = Guards::attach(platform, &sites, lock)?;
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
    guards.detach(platform, lock);
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
    // One is as many passes without guards.
    let guards = if leaving.len() > 1 {
        sites_of(leaving.iter().map(|dedicated| dedicated.at))
            .and_then(|sites| Guards::attach_both(platform, &sites, lock))
            .ok()
    } else {
        None
    };
    for dedicated in leaving {
        dedicated.unregister(platform, shared, lock);
    }
    if let Some(guards) = guards {
        guards.detach(platform, lock);
    } else {
        platform.wait_for_cpus(lock);
    }
    free_from(dedicated, first, platform, lock);
}
