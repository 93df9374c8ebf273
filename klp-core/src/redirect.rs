// SPDX-License-Identifier: GPL-2.0-only

//! The table of redirects: the targets of calls of patched functions.
//!
//! The redirects of all patches are in one table, which the ftrace handler reads without a lock. The
//! table is never changed while it can be read: a new one is published in its place, and
//! the old one is reused after a grace period. So a handler sees the redirects of all
//! functions either before a change, or after it.
//!
//! A redirect is *settled*, with one target, or *in transition*, with one target for tasks that
//! have switched to the patch and one for those that have not.

use crate::errno::Result;
use crate::memory::{Box, Vec};
use crate::snapshot::{GracePeriods, Locked, NoPreempt, Retired, Snapshot, Writer};
use crate::sync::RaceCheck;
use crate::types::{Site, Target};

/// The target of tasks in the state "unpatched". One word, because the handler reads it at each call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Unpatched(usize);

impl Unpatched {
    /// There is only one target, the same for all tasks. No function is at the last byte of memory.
    const SETTLED: Self = Self(usize::MAX);

    const fn new(target: Target) -> Self {
        Self(target.to_c())
    }

    /// The target, in transition.
    const fn target(self) -> Option<Target> {
        match self {
            Self::SETTLED => None,
            Self(address) => Some(Target::from_c(address)),
        }
    }
}

/// A slot of the table.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The patch site's address; zero in an empty slot. A word, because comparing an `Option<Site>` costs each call
    /// in transition three instructions: LLVM looks for an empty slot first.
    site: usize,
    /// The target; in transition that of tasks in the state "patched".
    patched: Target,
    unpatched: Unpatched,
}

const EMPTY: Slot = Slot {
    site: 0,
    patched: Target::Original,
    unpatched: Unpatched::SETTLED,
};

/// All redirects, found by the site of the call. At least half of the slots are empty.
#[derive(Debug)]
pub struct Table {
    /// Their number is a power of two.
    slots: Vec<Slot>,
    /// The number of bits of a hash that do not select a slot.
    shift: u32,
    used: usize,
    races: RaceCheck,
}

impl Table {
    /// Makes a table for up to `redirects` redirects.
    fn with_room(redirects: usize) -> Result<Self> {
        let slots = redirects.saturating_mul(2).max(8).next_power_of_two();
        Ok(Self {
            slots: Vec::filled(EMPTY, slots)?,
            shift: usize::BITS - slots.trailing_zeros(),
            used: 0,
            races: RaceCheck::new(),
        })
    }

    /// The number of redirects that fit.
    fn room(&self) -> usize {
        self.slots.len() / 2
    }

    /// The hash of `site`, where its search begins. Multiplies the lower half of the address, in which those of kernel
    /// code differ, by 2^32 divided by the golden ratio, which spreads addresses that differ little (Knuth, The Art of
    /// Computer Programming, 6.4). Arm64 makes a constant with an empty half in two instructions instead of four.
    #[inline(always)]
    fn start(&self, site: Site) -> usize {
        const GOLDEN: usize = 0x9e37_79b9_0000_0000;
        site.address().wrapping_mul(GOLDEN).wrapping_shr(self.shift)
    }

    /// The index of the slot of `site`, or of the empty one where it would be.
    #[inline(always)]
    fn find(&self, site: Site) -> Option<usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut index = self.start(site) & mask;
        // Half of the slots are empty, so this ends.
        loop {
            let slot = self.slots.get(index)?;
            if slot.site == site.address() || slot.site == 0 {
                return Some(index);
            }
            index = index.wrapping_add(1) & mask;
        }
    }

    /// The target of a call at `site`. `choose` takes the targets of unpatched and of patched tasks; it is called only
    /// in transition, and after the redirect is read.
    #[inline(always)]
    pub fn target(&self, site: Site, choose: impl FnOnce(Target, Target) -> Target) -> Target {
        let slot = self
            .races
            .reading(|| self.slots.get(self.find(site)?).copied());
        let Some(slot) = slot else {
            return Target::Original;
        };
        match slot.unpatched.target() {
            Some(unpatched) => choose(unpatched, slot.patched),
            None => slot.patched,
        }
    }

    /// Is there a redirect for `site`?
    pub fn contains(&self, site: Site) -> bool {
        self.find(site)
            .and_then(|index| self.slots.get(index))
            .is_some_and(|slot| slot.site != 0)
    }

    /// The target of all calls at `site`, unless it depends on the task.
    fn settled(&self, site: Site) -> Option<Target> {
        let slot = self.find(site).and_then(|index| self.slots.get(index))?;
        (slot.unpatched == Unpatched::SETTLED).then_some(slot.patched)
    }

    /// All sites.
    fn sites(&self) -> impl Iterator<Item = Site> + '_ {
        self.slots.iter().filter_map(|slot| Site::new(slot.site))
    }

    /// Copies `other` to this empty table, which has room for it.
    fn copy(&mut self, other: &Self) {
        self.races.writing();
        for slot in other.slots.iter() {
            if let Some(free) = Site::new(slot.site)
                .and_then(|site| self.find(site))
                .and_then(|index| self.slots.get_mut(index))
            {
                *free = *slot;
            }
        }
        self.used = other.used;
    }

    fn clear(&mut self) {
        self.races.writing();
        self.slots.fill(EMPTY);
        self.used = 0;
    }

    /// Adds `redirect` on top of those of its site.
    fn stack(&mut self, redirect: &Redirect) {
        self.races.writing();
        let room = self.room();
        let Some(slot) = self
            .find(redirect.site)
            .and_then(|index| self.slots.get_mut(index))
        else {
            return;
        };
        let below = if slot.site == 0 {
            if self.used >= room {
                debug_assert!(false, "the table was made too small");
                return;
            }
            self.used += 1;
            Target::Original
        } else {
            slot.patched
        };
        *slot = Slot {
            site: redirect.site.address(),
            patched: redirect.target,
            // It is set already if the patch in transition names the function twice.
            unpatched: match redirect.in_transition {
                true => Unpatched::new(slot.unpatched.target().unwrap_or(below)),
                false => Unpatched::SETTLED,
            },
        };
    }
}

/// A redirect of one function by one patch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Redirect {
    /// The patch site.
    pub site: Site,
    /// The target of calls.
    pub target: Target,
    /// Is it only for tasks that have switched?
    pub in_transition: bool,
}

/// The right to change the published table, and the memory for it.
///
/// There is always memory for a change that adds no function, so that removing and settling redirects
/// cannot fail.
#[derive(Debug)]
pub struct Redirects {
    writer: Writer<Table>,
    /// As large as the published table; missing only while a change is under way.
    spare: Option<Box<Table>>,
    /// Sites that no longer have a redirect and still call the handler. There is room for all sites.
    vanished: Vec<Site>,
}

/// A published change of the table, whose old version may still be read.
#[must_use = "the table's memory is lost unless the change is finished"]
#[derive(Debug)]
pub struct Change(Retired<Table>);

impl Redirects {
    /// Makes it without redirects. `writer` is that of the published table.
    pub const fn new(writer: Writer<Table>) -> Self {
        Self {
            writer,
            spare: None,
            vanished: Vec::new(),
        }
    }

    /// Makes room for `redirects`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; nothing is changed then.
    pub fn reserve(
        &mut self,
        redirects: usize,
        published: &Snapshot<Table>,
        readers: &impl GracePeriods,
        lock: &Locked<'_>,
    ) -> Result {
        if self
            .spare
            .as_ref()
            .is_some_and(|spare| spare.room() >= redirects)
        {
            return Ok(());
        }
        // With a reserve, so that a series of small patches does not copy the table each time.
        let room = redirects.saturating_add(redirects / 2);
        let spare = Box::new(Table::with_room(room)?)?;
        let mut larger = Box::new(Table::with_room(room)?)?;
        let vanished = Vec::with_capacity(larger.room())?;
        if let Some(current) = published.current(&self.writer) {
            larger.copy(current);
        }
        let old = published.publish(&mut self.writer, Some(larger));
        drop(old.reclaim_after(readers, lock));
        self.spare = Some(spare);
        self.vanished = vanished;
        Ok(())
    }

    /// Publishes `redirects`, those of lower patches first, in place of all current ones. There is room
    /// for them.
    pub fn publish(
        &mut self,
        published: &Snapshot<Table>,
        redirects: impl Iterator<Item = Redirect>,
    ) -> Change {
        let next = self.spare.take().map(|mut next| {
            next.clear();
            for redirect in redirects {
                next.stack(&redirect);
            }
            next
        });
        Change(published.publish(&mut self.writer, next))
    }

    /// Frees both tables. There are no redirects.
    pub fn free(
        &mut self,
        published: &Snapshot<Table>,
        readers: &impl GracePeriods,
        lock: &Locked<'_>,
    ) {
        let old = published.publish(&mut self.writer, None);
        drop(old.reclaim_after(readers, lock));
        self.spare = None;
        self.vanished = Vec::new();
    }

    /// Does the published table have a redirect for `site`?
    pub fn contains(&self, published: &Snapshot<Table>, site: Site) -> bool {
        published
            .current(&self.writer)
            .is_some_and(|table| table.contains(site))
    }

    /// The sites that have a redirect.
    pub fn sites<'a>(&'a self, published: &'a Snapshot<Table>) -> impl Iterator<Item = Site> + 'a {
        let table = published.current(&self.writer);
        table.into_iter().flat_map(Table::sites)
    }

    /// The target of all calls at `site`, unless it depends on the task. Without a redirect it is the
    /// original function.
    pub fn settled(&self, published: &Snapshot<Table>, site: Site) -> Option<Target> {
        published
            .current(&self.writer)
            .map_or(Some(Target::Original), |table| table.settled(site))
    }

    /// Notes the sites that `change` left without a redirect, besides those noted before.
    pub fn note_vanished(&mut self, published: &Snapshot<Table>, change: &Change) {
        let new = published.current(&self.writer);
        for site in change.0.get().into_iter().flat_map(Table::sites) {
            if !new.is_some_and(|table| table.contains(site)) {
                // There is room: the old table was no larger than this vector, and no longer had the sites
                // noted before.
                let _ = self.vanished.push(site);
            }
        }
    }

    /// The noted sites. The caller may reorder them, and remove those that are detached.
    pub fn vanished_mut(&mut self) -> &mut Vec<Site> {
        &mut self.vanished
    }

    /// Clears the noted sites.
    pub fn forget_vanished(&mut self) {
        self.vanished.clear();
    }

    /// Waits for a grace period, and keeps the old table's memory for the next change.
    pub fn finish(&mut self, change: Change, readers: &impl GracePeriods, lock: &Locked<'_>) {
        if let Some(old) = change.0.reclaim_after(readers, lock) {
            self.spare = Some(old);
        }
    }
}

impl Snapshot<Table> {
    /// The target of a call at `site`; see [`Table::target`].
    #[inline(always)]
    pub fn target(
        &self,
        site: Site,
        guard: &NoPreempt<'_>,
        choose: impl FnOnce(Target, Target) -> Target,
    ) -> Target {
        match self.get(guard) {
            Some(table) => table.target(site, choose),
            None => Target::Original,
        }
    }
}

#[cfg(all(test, not(kernel)))]
mod tests {
    use super::*;

    /// Functions are adjacent in memory. If they were adjacent in the table, too, a lookup would probe many slots.
    #[test]
    fn sites_are_spread() {
        const COUNT: usize = 1000;
        let mut table = Table::with_room(COUNT).expect("memory");
        let site =
            |number: usize| Site::new(0xffff_ffff_8100_0004 + number * 16).expect("an address");
        for number in 0..COUNT {
            table.stack(&Redirect {
                site: site(number),
                target: Target::Original,
                in_transition: false,
            });
        }
        let mask = table.slots.len() - 1;
        let steps = |number| {
            let site = site(number);
            let index = table.find(site).expect("a slot");
            assert_eq!(table.slots[index].site, site.address());
            index.wrapping_sub(table.start(site)) & mask
        };
        let steps: usize = (0..COUNT).map(steps).sum();
        assert!(steps < COUNT, "{steps} steps");
    }

    #[test]
    fn calls_without_a_redirect_go_to_the_original() {
        let mut table = Table::with_room(2).expect("memory");
        let [known, other] = [0x1000, 0x2000].map(|it| Site::new(it).expect("an address"));
        let target = Target::from_c(0x3000);
        table.stack(&Redirect {
            site: known,
            target,
            in_transition: false,
        });
        assert_eq!(table.settled(known), Some(target));
        assert_eq!(table.settled(other), Some(Target::Original));
        assert_eq!(table.target(other, |_, patched| patched), Target::Original);
        assert!(!table.contains(other));
    }
}
