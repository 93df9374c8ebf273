// SPDX-License-Identifier: GPL-2.0-only

//! Entries of functions that we have for ourselves: the ones that are jumps.
//!
//! Most entries are asked at in common, which takes one change of the text for many of them. Once
//! no transition concerns a function any more, its entry is taken from those, and becomes a jump
//! to where its calls go. Before the next transition that concerns it, it asks again, and stays ours: so
//! that both ways are one change of the text for all functions of a patch.
//!
//! Taking an entry, and giving it back, costs more than that. It is done when nobody waits for it.

use crate::errno::Result;
use crate::memory::Vec;
use crate::order;
use crate::patches::{Func, Patches};
use crate::platform::Platform;
use crate::published::Published;
use crate::types::{SiteTarget, Target, ORIGINAL};
use core::time::Duration;

/// How many entries are taken, or given back, in one go. Calls there take long meanwhile, and whoever
/// needs the core's mutex waits.
const IN_ONE_GO: usize = 32;

/// Between the end of a transition and the first jump.
const SOON: Duration = Duration::from_millis(100);

/// Between one go and the next: for whoever waits for the mutex.
const NEXT: Duration = Duration::from_millis(1);

/// Between a go without memory and the next.
const LATER: Duration = Duration::from_secs(1);

/// How many are given back before a patch is gone; further ones after it. One alone is no more work than
/// it would be for an entry that is asked at in common.
const AT_ONCE: usize = 1;

/// The entries that are ours.
#[derive(Debug)]
pub(crate) struct Entries {
    /// Sorted by site.
    own: Vec<SiteTarget>,
}

impl Entries {
    /// None.
    pub(crate) const fn new() -> Self {
        Self { own: Vec::new() }
    }

    fn get(&self, site: usize) -> Option<&SiteTarget> {
        let index = self.own.binary_search_by_key(&site, |entry| entry.site);
        self.own.get(index.ok()?)
    }

    /// Is the one at `site` ours?
    pub(crate) fn has(&self, site: usize) -> bool {
        self.get(site).is_some()
    }

    fn sort(&mut self) {
        order::sort_by_key(&mut self.own, |entry| entry.site);
    }

    /// Takes the entry at `site`, which somebody else has put a call of their own at: they have to be
    /// told, and may refuse.
    ///
    /// # Errors
    ///
    /// Those of [`Tracing::own_new`](crate::platform::Tracing::own_new). The entry is not asked at any
    /// more then.
    pub(crate) fn share<P: Platform>(&mut self, platform: &P, site: usize) -> Result {
        let entry = SiteTarget::handler(site);
        let result = match self.own.push(entry) {
            Ok(()) => platform.own_new(entry).inspect_err(|_| {
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

    /// Makes those at `sites` ask again.
    fn ask<P: Platform>(&mut self, platform: &P, sites: impl Iterator<Item = usize>) -> Result {
        let mut asking = Vec::new();
        for site in sites {
            if self.get(site).is_some_and(|entry| entry.target != ORIGINAL) {
                asking.push(SiteTarget::handler(site))?;
            }
        }
        self.point(platform, &asking)
    }

    fn point<P: Platform>(&mut self, platform: &P, entries: &[SiteTarget]) -> Result {
        if entries.is_empty() {
            return Ok(());
        }
        platform.point(entries)?;
        for entry in entries {
            let index = self.own.binary_search_by_key(&entry.site, |own| own.site);
            if let Some(own) = index.ok().and_then(|index| self.own.get_mut(index)) {
                *own = *entry;
            }
        }
        Ok(())
    }

    /// Takes `entries` from those that are asked at in common.
    fn take<P: Platform>(&mut self, platform: &P, entries: &[SiteTarget]) -> Result {
        let before = self.own.len();
        let result = entries
            .iter()
            .try_for_each(|entry| self.own.push(*entry))
            .and_then(|()| platform.own(entries));
        if result.is_err() {
            while self.own.len() > before {
                self.own.pop();
            }
        }
        self.sort();
        result
    }

    /// Gives back those that `is_unused`, up to `limit`. Answers how many are left. Needs no memory.
    fn give_back<P: Platform>(
        &mut self,
        platform: &P,
        limit: usize,
        is_unused: impl Fn(usize) -> bool,
    ) -> usize {
        let used = order::part(&mut self.own, |entry| is_unused(entry.site));
        let unused = self.own.len().saturating_sub(used);
        let now = unused.min(limit);
        let stay = self.own.len().saturating_sub(now);
        if let Some(leaving) = self.own.get(stay..).filter(|leaving| !leaving.is_empty()) {
            platform.disown(leaving);
        }
        while self.own.len() > stay {
            self.own.pop();
        }
        self.sort();
        unused.saturating_sub(now)
    }
}

impl<P: Platform> Patches<P> {
    /// Before a transition of `patch`: calls of its functions ask where to go.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing is changed then.
    pub(crate) fn step_back(&mut self, platform: &P, patch: P::Patch) -> Result {
        let patches = self.patches.iter().filter(|other| other.handle == patch);
        let funcs = patches
            .flat_map(|patch| patch.objects.iter())
            .filter(|object| object.is_loaded())
            .flat_map(|object| object.funcs.iter());
        self.entries.ask(platform, funcs.map(|func| func.site))
    }

    /// There is something to settle: soon, but not while one patch comes after the other.
    pub(crate) fn settle_soon(&self, platform: &P) {
        platform.settle_in(SOON);
    }

    /// Makes entries jumps where they can be, and gives back those that are not needed any more. When
    /// there is more to do, it is asked for again.
    pub fn settle(&mut self, platform: &P, published: &Published) {
        if self.transition.is_some() {
            // Its end asks for this again.
            return;
        }
        let left = self.give_back(platform, published, IN_ONE_GO);
        match self.make_jumps(platform, published) {
            Ok(false) if left == 0 => {}
            Ok(_) => platform.settle_in(NEXT),
            // There may be memory later.
            Err(_) => platform.settle_in(LATER),
        }
    }

    /// Gives back entries without a redirect, up to `limit`. Answers how many are left.
    fn give_back(&mut self, platform: &P, published: &Published, limit: usize) -> usize {
        let redirects = &self.redirects;
        self.entries.give_back(platform, limit, |site| {
            !redirects.contains(&published.redirects, site)
        })
    }

    /// Answers whether there may be more.
    fn make_jumps(&mut self, platform: &P, published: &Published) -> Result<bool> {
        let most = platform.max_jumps();
        let mut wrong = Vec::new();
        for own in self.entries.own.iter() {
            let target = match self.redirects.settled(&published.redirects, own.site) {
                Some(target) if most > 0 => target,
                _ => ORIGINAL,
            };
            if own.target != target {
                wrong.push(SiteTarget {
                    site: own.site,
                    target,
                })?;
            }
        }
        self.entries.point(platform, &wrong)?;

        let room = most.saturating_sub(self.entries.own.len()).min(IN_ONE_GO);
        let mut new = Vec::new();
        for site in self.redirects.sites(&published.redirects) {
            if new.len() == room {
                break;
            }
            match self.redirects.settled(&published.redirects, site) {
                Some(target) if target != ORIGINAL && !self.entries.has(site) => {
                    new.push(SiteTarget { site, target })?;
                }
                _ => {}
            }
        }
        if new.is_empty() {
            return Ok(false);
        }
        self.entries.take(platform, &new)?;
        Ok(true)
    }

    /// Stops asking where the last change left no redirect: in one change at those that are asked at in
    /// common, and at some of ours. It takes long, so it is done when nobody waits for it; but
    /// before others may want to ask there. `everywhere` does not put off the rest of ours.
    pub(crate) fn detach_vanished(
        &mut self,
        platform: &P,
        published: &Published,
        everywhere: bool,
    ) {
        let entries = &mut self.entries;
        let vanished = self.redirects.vanished_mut();
        for &mut site in vanished.iter_mut() {
            if !entries.has(site) && platform.is_shared(site) {
                // Who shares it is told when it is given back. Without memory they are not, and
                // only go on being careful.
                let _ = entries.take(platform, &[SiteTarget::handler(site)]);
            }
        }
        let common = order::part(vanished, |&site| entries.has(site));
        if let Some(common) = vanished.get(..common).filter(|common| !common.is_empty()) {
            platform.detach(common);
        }
        self.redirects.forget_vanished();
        let limit = if everywhere { usize::MAX } else { AT_ONCE };
        if self.give_back(platform, published, limit) > 0 {
            platform.settle_in(NEXT);
        }
    }

    /// What calls of a redirected function meet.
    pub fn meets(&self, published: &Published, func: &Func<P>) -> Meets {
        let jumps_to = |target: Target| {
            let entry = self.entries.get(func.site);
            entry.is_some_and(|entry| entry.target == target)
        };
        match self.redirects.settled(&published.redirects, func.site) {
            Some(target) if target != func.target() => Meets::Cover,
            Some(target) if jumps_to(target) => Meets::Jump,
            _ => Meets::Handler,
        }
    }
}

/// What calls of a redirected function meet at its entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meets {
    /// A jump to the replacement, unless somebody else is at the entry too.
    Jump,
    /// The handler, which sends them on.
    Handler,
    /// Another patch, above this one.
    Cover,
}
