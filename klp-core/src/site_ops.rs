// SPDX-License-Identifier: GPL-2.0-only

//! The attached patch sites, and those of them with a dedicated `ftrace_ops`.

use crate::errno::Result;
use crate::memory::Vec;
use crate::ops::{self, Dedicated, SharedOps};
use crate::platform::Platform;
use crate::snapshot::Locked;
use crate::sort;
use crate::types::{Site, SiteTarget, Target, TextRange};

/// The shared ops, and the sites with dedicated ones.
#[derive(Debug)]
pub(crate) struct SiteOps<P: Platform> {
    shared: SharedOps,
    /// Sorted by site.
    dedicated: Vec<Dedicated<P>>,
}

impl<P: Platform> SiteOps<P> {
    /// Makes it without sites.
    pub(crate) const fn new() -> Self {
        Self {
            shared: SharedOps::new(),
            dedicated: Vec::new(),
        }
    }

    /// The target of `site`, if it has a dedicated ops.
    pub(crate) fn get(&self, site: Site) -> Option<&SiteTarget> {
        let index = self
            .dedicated
            .binary_search_by_key(&site, |dedicated| dedicated.at.site);
        self.dedicated
            .get(index.ok()?)
            .map(|dedicated| &dedicated.at)
    }

    /// Does `site` have a dedicated ops?
    pub(crate) fn has(&self, site: Site) -> bool {
        self.get(site).is_some()
    }

    fn sort(&mut self) {
        sort::sort_by_key(&mut self.dedicated, |dedicated| dedicated.at.site);
    }

    /// Attaches the shared ops to `sites`, all or none.
    ///
    /// # Errors
    ///
    /// Those of [`SharedOps::attach`].
    pub(crate) fn attach(&mut self, platform: &P, sites: &[Site], lock: &Locked<'_>) -> Result {
        self.shared.attach(platform, sites, lock)
    }

    /// Detaches the shared ops from `sites`.
    pub(crate) fn detach(&mut self, platform: &P, sites: &[Site], lock: &Locked<'_>) {
        self.shared.detach(platform, sites, lock);
    }

    /// Moves `site`, which has a direct call attached, from the shared ops to a dedicated one: the
    /// direct call's owner is notified, and may refuse.
    ///
    /// # Errors
    ///
    /// Those of [`ops::try_register_dedicated`]. The site is detached then.
    pub(crate) fn share(&mut self, platform: &P, site: Site, lock: &Locked<'_>) -> Result {
        let target = SiteTarget::handler(site);
        let (dedicated, shared) = (&mut self.dedicated, &mut self.shared);
        let result = ops::try_register_dedicated(dedicated, shared, platform, target, lock);
        self.sort();
        result
    }

    /// Makes those of `sites` that are jumps call the handler again.
    pub(crate) fn revert(
        &mut self,
        platform: &P,
        sites: impl Iterator<Item = Site>,
        lock: &Locked<'_>,
    ) -> Result {
        let mut targets = Vec::new();
        for site in sites {
            if self
                .get(site)
                .is_some_and(|dedicated| dedicated.target != Target::Original)
            {
                targets.push(SiteTarget::handler(site))?;
            }
        }
        self.retarget(platform, &targets, lock)
    }

    /// Retargets sites with dedicated ops.
    ///
    /// # Errors
    ///
    /// Those of [`ops::retarget`].
    pub(crate) fn retarget(
        &mut self,
        platform: &P,
        targets: &[SiteTarget],
        lock: &Locked<'_>,
    ) -> Result {
        if targets.is_empty() {
            return Ok(());
        }
        ops::retarget(&mut self.dedicated, platform, targets, lock)
    }

    /// Moves sites that no other ftrace user is at from the shared ops to dedicated ones. Returns the number of moved
    /// sites, which is zero while another user's ops is newer than the shared one.
    ///
    /// # Errors
    ///
    /// Those of [`ops::register_dedicated`].
    pub(crate) fn register(
        &mut self,
        platform: &P,
        targets: &[SiteTarget],
        lock: &Locked<'_>,
    ) -> Result<usize> {
        let (dedicated, shared) = (&mut self.dedicated, &mut self.shared);
        let result = ops::register_dedicated(dedicated, shared, platform, targets, lock);
        self.sort();
        result
    }

    /// Unregisters up to `limit` unused dedicated ops. Returns how many of these are left. Needs no
    /// memory.
    pub(crate) fn unregister(
        &mut self,
        platform: &P,
        lock: &Locked<'_>,
        limit: usize,
        is_unused: impl Fn(Site) -> bool,
    ) -> usize {
        let used = sort::partition_in_place(&mut self.dedicated, |dedicated| {
            is_unused(dedicated.at.site)
        });
        let unused = self.dedicated.len().saturating_sub(used);
        let now = unused.min(limit);
        let stay = self.dedicated.len().saturating_sub(now);
        if now > 0 {
            let (dedicated, shared) = (&mut self.dedicated, &mut self.shared);
            ops::unregister_dedicated(dedicated, stay, shared, platform, lock);
        }
        self.sort();
        unused.saturating_sub(now)
    }

    /// Unregisters all dedicated ops of sites in `text`, which is about to be freed.
    pub(crate) fn unregister_in(&mut self, platform: &P, lock: &Locked<'_>, text: TextRange) {
        self.unregister(platform, lock, usize::MAX, |site| {
            text.contains(site.address())
        });
    }

    /// The sites with dedicated ops.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &SiteTarget> {
        self.dedicated.iter().map(|dedicated| &dedicated.at)
    }

    /// Is no site attached to any ops?
    pub(crate) fn is_empty(&self) -> bool {
        self.dedicated.is_empty() && self.shared.is_empty()
    }

    /// Frees the memory that is kept for later sites. Called without sites.
    pub(crate) fn free(&mut self) {
        self.dedicated = Vec::new();
    }

    /// The number of dedicated ops.
    pub(crate) fn len(&self) -> usize {
        self.dedicated.len()
    }
}
