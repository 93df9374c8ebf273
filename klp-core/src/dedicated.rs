// SPDX-License-Identifier: GPL-2.0-only

//! The patch sites with a dedicated `ftrace_ops`, and changes of these.

use crate::errno::Result;
use crate::memory::Vec;
use crate::platform::Platform;
use crate::snapshot::Locked;
use crate::sort;
use crate::types::{SiteTarget, TextRange, ORIGINAL};

/// The sites with dedicated ops.
#[derive(Debug)]
pub(crate) struct DedicatedOps {
    /// Sorted by site.
    own: Vec<SiteTarget>,
}

impl DedicatedOps {
    /// None.
    pub(crate) const fn new() -> Self {
        Self { own: Vec::new() }
    }

    pub(crate) fn get(&self, site: usize) -> Option<&SiteTarget> {
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
    pub(crate) fn share<P: Platform>(
        &mut self,
        platform: &P,
        site: usize,
        lock: &Locked<'_>,
    ) -> Result {
        let target = SiteTarget::handler(site);
        let result = match self.own.push(target) {
            Ok(()) => platform
                .try_register_dedicated(target, lock)
                .inspect_err(|_| {
                    self.own.pop();
                }),
            Err(errno) => {
                platform.detach(&[site], lock);
                Err(errno)
            }
        };
        self.sort();
        result
    }

    /// Makes those of `sites` that are jumps call the handler again.
    pub(crate) fn revert<P: Platform>(
        &mut self,
        platform: &P,
        sites: impl Iterator<Item = usize>,
        lock: &Locked<'_>,
    ) -> Result {
        let mut targets = Vec::new();
        for site in sites {
            if self.get(site).is_some_and(|own| own.target != ORIGINAL) {
                targets.push(SiteTarget::handler(site))?;
            }
        }
        self.retarget(platform, &targets, lock)
    }

    pub(crate) fn retarget<P: Platform>(
        &mut self,
        platform: &P,
        targets: &[SiteTarget],
        lock: &Locked<'_>,
    ) -> Result {
        if targets.is_empty() {
            return Ok(());
        }
        platform.retarget(targets, lock)?;
        for target in targets {
            let index = self.own.binary_search_by_key(&target.site, |own| own.site);
            if let Some(own) = index.ok().and_then(|index| self.own.get_mut(index)) {
                *own = *target;
            }
        }
        Ok(())
    }

    /// Moves sites from the shared ops to dedicated ones.
    pub(crate) fn register<P: Platform>(
        &mut self,
        platform: &P,
        targets: &[SiteTarget],
        lock: &Locked<'_>,
    ) -> Result {
        let before = self.own.len();
        let result = targets
            .iter()
            .try_for_each(|target| self.own.push(*target))
            .and_then(|()| platform.register_dedicated(targets, lock));
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
    pub(crate) fn unregister<P: Platform>(
        &mut self,
        platform: &P,
        lock: &Locked<'_>,
        limit: usize,
        is_unused: impl Fn(usize) -> bool,
    ) -> usize {
        let used = sort::partition_in_place(&mut self.own, |own| is_unused(own.site));
        let unused = self.own.len().saturating_sub(used);
        let now = unused.min(limit);
        let stay = self.own.len().saturating_sub(now);
        if let Some(leaving) = self.own.get(stay..).filter(|leaving| !leaving.is_empty()) {
            platform.unregister_dedicated(leaving, lock);
        }
        while self.own.len() > stay {
            self.own.pop();
        }
        self.sort();
        unused.saturating_sub(now)
    }

    /// Unregisters all at sites in `text`, which goes away.
    pub(crate) fn unregister_in<P: Platform>(
        &mut self,
        platform: &P,
        lock: &Locked<'_>,
        text: TextRange,
    ) {
        self.unregister(platform, lock, usize::MAX, |site| text.contains(site));
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SiteTarget> {
        self.own.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.own.len()
    }
}
