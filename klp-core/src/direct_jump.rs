// SPDX-License-Identifier: GPL-2.0-only

//! Patch sites with a dedicated `ftrace_ops`: the ones that are jumps.
//!
//! Most sites share one `ftrace_ops`, so many change in one text-patching pass. Once no transition concerns
//! a function any more, and nobody else uses its site, the site is moved to a dedicated ops, and becomes a
//! jump to where its calls go. Before the next transition that concerns it, the site calls the
//! handler again but keeps its dedicated ops: so either way is one pass for all functions of a patch.
//!
//! Registering and unregistering dedicated ops costs more than that. A worker does it, when nobody waits.

use crate::errno::{Result, ENODEV};
use crate::memory::Vec;
use crate::patches::{Func, Patches};
use crate::platform::Platform;
use crate::published::Published;
use crate::sort;
use crate::types::{SiteTarget, Target, TextRange, ORIGINAL};
use core::time::Duration;

/// How many dedicated ops are registered, or unregistered, at a time. Calls there take long meanwhile, and
/// whoever needs the core's mutex waits.
const BATCH: usize = 32;

/// Between the end of a transition and the first jump.
const SOON: Duration = Duration::from_millis(100);

/// Between one batch and the next: for whoever waits for the mutex.
const NEXT: Duration = Duration::from_millis(1);

/// Between a batch without memory and the next.
const WITHOUT_MEMORY: Duration = Duration::from_secs(1);

/// Between two looks at sites that somebody else uses, which read the text there and no more.
const WHILE_OTHERS: Duration = Duration::from_secs(2);

/// Dedicated ops unregistered synchronously on disable; the worker frees the rest. One alone is no more work
/// than detaching a site from the shared ops.
const AT_ONCE: usize = 1;

/// The sites with dedicated ops.
#[derive(Debug)]
pub(crate) struct DedicatedOps {
    /// Sorted by site.
    own: Vec<SiteTarget>,
}

/// What the worker has left to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Remaining {
    Nothing,
    /// Another batch.
    More,
    /// Sites that somebody else uses.
    Others,
}

impl DedicatedOps {
    /// None.
    pub(crate) const fn new() -> Self {
        Self { own: Vec::new() }
    }

    fn get(&self, site: usize) -> Option<&SiteTarget> {
        let index = self.own.binary_search_by_key(&site, |own| own.site);
        self.own.get(index.ok()?)
    }

    /// Has `site` a dedicated ops?
    pub(crate) fn has(&self, site: usize) -> bool {
        self.get(site).is_some()
    }

    fn sort(&mut self) {
        sort::sort_by_key(&mut self.own, |own| own.site);
    }

    /// Moves `site`, which a direct call is attached to, from the shared ops to a dedicated one: the
    /// direct call's owner is notified, and may refuse.
    ///
    /// # Errors
    ///
    /// Those of [`Tracing::try_register_dedicated`](crate::platform::Tracing::try_register_dedicated). The
    /// site is detached then.
    pub(crate) fn share<P: Platform>(&mut self, platform: &P, site: usize) -> Result {
        let target = SiteTarget::handler(site);
        let result = match self.own.push(target) {
            Ok(()) => platform.try_register_dedicated(target).inspect_err(|_| {
                self.own.pop();
            }),
            Err(errno) => {
                platform.detach(&[site]);
                Err(errno)
            }
        };
        self.sort();
        result
    }

    /// Makes those of `sites` that are jumps call the handler again.
    fn revert<P: Platform>(&mut self, platform: &P, sites: impl Iterator<Item = usize>) -> Result {
        let mut targets = Vec::new();
        for site in sites {
            if self.get(site).is_some_and(|own| own.target != ORIGINAL) {
                targets.push(SiteTarget::handler(site))?;
            }
        }
        self.retarget(platform, &targets)
    }

    fn retarget<P: Platform>(&mut self, platform: &P, targets: &[SiteTarget]) -> Result {
        if targets.is_empty() {
            return Ok(());
        }
        platform.retarget(targets)?;
        for target in targets {
            let index = self.own.binary_search_by_key(&target.site, |own| own.site);
            if let Some(own) = index.ok().and_then(|index| self.own.get_mut(index)) {
                *own = *target;
            }
        }
        Ok(())
    }

    /// Moves sites from the shared ops to dedicated ones.
    fn register<P: Platform>(&mut self, platform: &P, targets: &[SiteTarget]) -> Result {
        let before = self.own.len();
        let result = targets
            .iter()
            .try_for_each(|target| self.own.push(*target))
            .and_then(|()| platform.register_dedicated(targets));
        if result.is_err() {
            while self.own.len() > before {
                self.own.pop();
            }
        }
        self.sort();
        result
    }

    /// Unregisters up to `limit` of those that are unused. Returns how many of these are left. Needs no
    /// memory.
    fn unregister<P: Platform>(
        &mut self,
        platform: &P,
        limit: usize,
        is_unused: impl Fn(usize) -> bool,
    ) -> usize {
        let used = sort::partition_in_place(&mut self.own, |own| is_unused(own.site));
        let unused = self.own.len().saturating_sub(used);
        let now = unused.min(limit);
        let stay = self.own.len().saturating_sub(now);
        if let Some(leaving) = self.own.get(stay..).filter(|leaving| !leaving.is_empty()) {
            platform.unregister_dedicated(leaving);
        }
        while self.own.len() > stay {
            self.own.pop();
        }
        self.sort();
        unused.saturating_sub(now)
    }

    /// Unregisters all at sites in `text`, which goes away.
    pub(crate) fn unregister_in<P: Platform>(&mut self, platform: &P, text: TextRange) {
        self.unregister(platform, usize::MAX, |site| text.contains(site));
    }
}

impl<P: Platform> Patches<P> {
    /// Before a transition of `patch`: its sites call the handler.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing is changed then.
    pub(crate) fn revert_to_handler(&mut self, platform: &P, patch: P::Patch) -> Result {
        let patches = self.patches.iter().filter(|other| other.handle == patch);
        let funcs = patches
            .flat_map(|patch| patch.objects.iter())
            .filter(|object| object.is_loaded())
            .flat_map(|object| object.funcs.iter());
        self.dedicated.revert(platform, funcs.map(|func| func.site))
    }

    /// There is something to promote: soon, but not while one patch follows the other.
    pub(crate) fn promote_soon(&self, platform: &P) {
        platform.promote_in(SOON);
    }

    /// Makes settled sites jumps where they can be, and unregisters unused dedicated ops, a batch of
    /// each. When there is more to do, the worker is scheduled again.
    pub fn promote_to_jumps(&mut self, platform: &P, published: &Published) {
        if self.transition.is_some() {
            // Its end schedules the worker again.
            return;
        }
        let left = self.unregister_unused(platform, published, BATCH);
        let wait = match self.make_jumps(platform, published) {
            // ftrace has shut itself down: there is nothing to be done ever.
            Err(ENODEV) => return,
            Err(_) => WITHOUT_MEMORY,
            Ok(Remaining::More) => NEXT,
            Ok(_) if left > 0 => NEXT,
            Ok(Remaining::Others) => WHILE_OTHERS,
            Ok(Remaining::Nothing) => return,
        };
        platform.promote_in(wait);
    }

    /// Unregisters up to `limit` dedicated ops of sites without a redirect. Returns how many are left.
    fn unregister_unused(&mut self, platform: &P, published: &Published, limit: usize) -> usize {
        let redirects = &self.redirects;
        self.dedicated.unregister(platform, limit, |site| {
            !redirects.contains(&published.redirects, site)
        })
    }

    fn make_jumps(&mut self, platform: &P, published: &Published) -> Result<Remaining> {
        let most = platform.max_jumps();
        let mut wrong = Vec::new();
        for own in self.dedicated.own.iter() {
            let target = match self.redirects.settled(&published.redirects, own.site) {
                Some(target) if most > 0 => target,
                _ => ORIGINAL,
            };
            if own.target != target {
                let site = own.site;
                wrong.push(SiteTarget { site, target })?;
            }
        }
        self.dedicated.retarget(platform, &wrong)?;

        let room = most.saturating_sub(self.dedicated.own.len()).min(BATCH);
        let mut remaining = Remaining::Nothing;
        let mut new = Vec::new();
        for site in self.redirects.sites(&published.redirects) {
            if new.len() == room {
                break;
            }
            match self.redirects.settled(&published.redirects, site) {
                Some(target) if target != ORIGINAL && !self.dedicated.has(site) => {
                    // Beside others a dedicated ops is of no use; and registered late it would change the
                    // order in which ftrace calls them and us.
                    if platform.is_exclusive(site) {
                        new.push(SiteTarget { site, target })?;
                    } else {
                        remaining = Remaining::Others;
                    }
                }
                _ => {}
            }
        }
        if !new.is_empty() {
            self.dedicated.register(platform, &new)?;
            remaining = Remaining::More;
        }
        Ok(remaining)
    }

    /// Detaches the sites that the last change left without a redirect: in one pass those of the shared
    /// ops, and some of the dedicated ones. It takes long, so it is done when nobody waits for it; but
    /// before others may want to attach there. `everywhere` does not leave the rest to the worker.
    pub(crate) fn detach_vanished(
        &mut self,
        platform: &P,
        published: &Published,
        everywhere: bool,
    ) {
        let dedicated = &mut self.dedicated;
        let vanished = self.redirects.vanished_mut();
        for &mut site in vanished.iter_mut() {
            if !dedicated.has(site) && platform.has_direct_call(site) {
                // The direct call's owner is notified when an ops is unregistered. Without memory they are
                // not, and only go on being careful.
                let _ = dedicated.register(platform, &[SiteTarget::handler(site)]);
            }
        }
        let shared = sort::partition_in_place(vanished, |&site| dedicated.has(site));
        if let Some(shared) = vanished.get(..shared).filter(|shared| !shared.is_empty()) {
            platform.detach(shared);
        }
        self.redirects.forget_vanished();
        let limit = if everywhere { usize::MAX } else { AT_ONCE };
        if self.unregister_unused(platform, published, limit) > 0 {
            platform.promote_in(NEXT);
        }
    }

    /// How calls of a redirected function get to its replacement.
    pub fn redirect_via(&self, published: &Published, func: &Func<P>) -> RedirectVia {
        let jumps_to = |target: Target| {
            let own = self.dedicated.get(func.site);
            own.is_some_and(|own| own.target == target)
        };
        match self.redirects.settled(&published.redirects, func.site) {
            Some(target) if target != func.target() => RedirectVia::Shadowed,
            Some(target) if jumps_to(target) => RedirectVia::Jump,
            _ => RedirectVia::Handler,
        }
    }
}

/// How calls of a redirected function get to its replacement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RedirectVia {
    /// By a jump at the site, unless other ftrace users are attached too.
    Jump,
    /// By the handler.
    Handler,
    /// Not at all: another patch is above.
    Shadowed,
}
