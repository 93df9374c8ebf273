// SPDX-License-Identifier: GPL-2.0-only

//! Turning patch sites into jumps, with a dedicated `ftrace_ops` each.
//!
//! Most sites share one `ftrace_ops`, so many change in one text-patching pass. Once no transition concerns
//! a function any more, and no other ftrace user is at its site, the site is moved to a dedicated ops, and becomes a
//! jump to its target. Before the next transition that concerns it, the site calls the
//! handler again but keeps its dedicated ops: so either change is one pass for all functions of a patch.
//!
//! Registering and unregistering dedicated ops costs more than that. A worker does it in the background.

use crate::context::Core;
use crate::errno::{Result, ENODEV};
use crate::memory::Vec;
use crate::model::Func;
use crate::platform::Platform;
use crate::sort;
use crate::types::{SiteTarget, Target};
use core::time::Duration;

/// How many dedicated ops are registered, or unregistered, at a time. Calls at their sites are slow meanwhile, and
/// other users of the core's mutex wait.
const BATCH: usize = 32;

/// The delay from the end of a transition to the first jump.
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// The delay between batches: lets other users take the mutex.
const BATCH_DELAY: Duration = Duration::from_millis(1);

/// The delay after a batch without memory.
const NO_MEMORY_DELAY: Duration = Duration::from_secs(1);

/// The delay between checks of sites with other ftrace users, which only read the text there.
const SHARED_SITE_DELAY: Duration = Duration::from_secs(2);

/// How many dedicated ops are unregistered synchronously on disable; the worker unregisters the rest. One is no more
/// work than detaching a site from the shared ops.
const SYNC_LIMIT: usize = 1;

/// The work that is left for the worker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Remaining {
    Nothing,
    /// Another batch.
    More,
    /// Sites with other ftrace users.
    SharedSites,
}

impl<P: Platform> Core<'_, P> {
    /// Makes the sites of `patch` call the handler, before a transition.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing is changed then.
    pub(crate) fn revert_to_handler(&mut self, patch: P::Patch) -> Result {
        let patches = self
            .state
            .patches
            .iter()
            .filter(|other| other.handle == patch);
        let funcs = patches
            .flat_map(|patch| patch.objects.iter())
            .filter(|object| object.is_loaded())
            .flat_map(|object| object.funcs.iter());
        self.state.site_ops.revert(
            self.platform,
            funcs.filter_map(|func| func.site),
            &self.lock,
        )
    }

    /// Schedules the worker that makes jumps: soon, but not while one patch follows another.
    pub(crate) fn promote_soon(&self) {
        self.platform.promote_in(FIRST_DELAY);
    }

    /// Makes settled sites jumps where they can be, and unregisters unused dedicated ops, a batch of
    /// each. When there is more to do, the worker is scheduled again.
    pub fn promote_to_jumps(&mut self) {
        if self.state.transition.is_some() {
            // Its end schedules the worker again.
            return;
        }
        let left = self.unregister_unused(BATCH);
        let wait = match self.make_jumps() {
            // ftrace has shut itself down, for good.
            Err(ENODEV) => return,
            Err(_) => NO_MEMORY_DELAY,
            Ok(Remaining::More) => BATCH_DELAY,
            Ok(_) if left > 0 => BATCH_DELAY,
            Ok(Remaining::SharedSites) => SHARED_SITE_DELAY,
            Ok(Remaining::Nothing) => return,
        };
        self.platform.promote_in(wait);
    }

    /// Unregisters up to `limit` dedicated ops of sites without a redirect. Returns how many of these are left.
    pub(crate) fn unregister_unused(&mut self, limit: usize) -> usize {
        let redirects = &self.state.redirects;
        self.state
            .site_ops
            .unregister(self.platform, &self.lock, limit, |site| {
                !redirects.contains(&self.published.redirects, site)
            })
    }

    fn make_jumps(&mut self) -> Result<Remaining> {
        let most = self.platform.max_jumps();
        let mut wrong = Vec::new();
        for dedicated in self.state.site_ops.iter() {
            let target = match self
                .state
                .redirects
                .settled(&self.published.redirects, dedicated.site)
            {
                Some(target) if most > 0 => target,
                _ => Target::Original,
            };
            if dedicated.target != target {
                let site = dedicated.site;
                wrong.push(SiteTarget { site, target })?;
            }
        }
        self.state
            .site_ops
            .retarget(self.platform, &wrong, &self.lock)?;

        let room = most.saturating_sub(self.state.site_ops.len()).min(BATCH);
        let mut remaining = Remaining::Nothing;
        let mut new = Vec::new();
        for site in self.state.redirects.sites(&self.published.redirects) {
            if new.len() == room {
                break;
            }
            match self
                .state
                .redirects
                .settled(&self.published.redirects, site)
            {
                Some(target) if target != Target::Original && !self.state.site_ops.has(site) => {
                    // A dedicated ops beside others makes no jump, and registering it late would change the
                    // order in which ftrace calls them.
                    if self.platform.is_exclusive(site) {
                        new.push(SiteTarget { site, target })?;
                    } else {
                        remaining = Remaining::SharedSites;
                    }
                }
                _ => {}
            }
        }
        if !new.is_empty() {
            let moved = self
                .state
                .site_ops
                .register(self.platform, &new, &self.lock)?;
            remaining = if moved > 0 {
                Remaining::More
            } else {
                Remaining::SharedSites
            };
        }
        Ok(remaining)
    }

    /// Detaches the sites that the last change left without a redirect: those of the shared ops in one pass,
    /// before others may want to attach there, and some with dedicated ones. The worker detaches the rest in the
    /// background, because it takes long; with `everywhere`, nothing is left to it.
    pub(crate) fn detach_vanished(&mut self, everywhere: bool) {
        let site_ops = &mut self.state.site_ops;
        let vanished = self.state.redirects.vanished_mut();
        vanished.retain(|&mut site| {
            if site_ops.has(site) || !self.platform.has_direct_call(site) {
                return true;
            }
            // The direct call's owner is notified when an ops is unregistered. If none can be registered, the owner
            // is not, and merely keeps treating the function as redirected; the site is detached then.
            site_ops.share(self.platform, site, &self.lock).is_ok()
        });
        let shared = sort::partition_in_place(vanished, |&site| site_ops.has(site));
        if let Some(shared) = vanished.get(..shared).filter(|shared| !shared.is_empty()) {
            site_ops.detach(self.platform, shared, &self.lock);
        }
        self.state.redirects.forget_vanished();
        let limit = if everywhere { usize::MAX } else { SYNC_LIMIT };
        if self.unregister_unused(limit) > 0 {
            self.platform.promote_in(BATCH_DELAY);
        }
    }

    /// How calls of a redirected function reach its replacement.
    pub fn redirect_via(&self, func: &Func<P>) -> RedirectVia {
        let Some(site) = func.site else {
            return RedirectVia::Handler;
        };
        let jumps_to = |target: Target| {
            let dedicated = self.state.site_ops.get(site);
            dedicated.is_some_and(|dedicated| dedicated.target == target)
        };
        match self
            .state
            .redirects
            .settled(&self.published.redirects, site)
        {
            Some(target) if target != func.target() => RedirectVia::Shadowed,
            Some(target) if jumps_to(target) => RedirectVia::Jump,
            _ => RedirectVia::Handler,
        }
    }
}

/// How calls of a redirected function reach its replacement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RedirectVia {
    /// By a jump at the site, unless other ftrace users are attached too.
    Jump,
    /// By the handler.
    Handler,
    /// Not at all: another patch is above.
    Shadowed,
}
