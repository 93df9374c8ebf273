// SPDX-License-Identifier: GPL-2.0-only

//! Building the stack check of a transition.

use crate::cold_parts::ColdParts;
use crate::errno::Result;
use crate::memory::Vec;
use crate::model::{Func, Patch, Patches};
use crate::name::Name;
use crate::platform::Platform;
use crate::sort;
use crate::stack_check::{RangeSet, StackCheck};
use crate::sync::RaceCheck;
use crate::types::{Direction, TextRange};

impl StackCheck {
    /// Makes the stack check for a transition of `patch`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `ENOENT` when the size of a part of a function is unknown.
    pub(crate) fn new<P: Platform>(
        patches: &Patches<P>,
        platform: &P,
        patch: P::Patch,
        direction: Direction,
    ) -> Result<Self> {
        let mut check = Self {
            functions: RangeSet::new(),
            entries: RangeSet::new(),
            released: Vec::new(),
            names: Vec::new(),
            elsewhere: Name::new(match direction {
                Direction::Patching => c"(other code of a replaced patch)",
                Direction::Unpatching => c"(other code of the patch)",
            })?,
            races: RaceCheck::new(),
        };
        let lower = LowerPatches::new(patches, patch)?;
        if let Some(patch) = patches.get(patch) {
            check.add_functions(platform, patch, &lower, direction)?;
        }
        for released in patches.released_after(patch, direction) {
            let text = platform.text(platform.module(released.handle));
            check.released.push(text)?;
        }
        check.functions.finish();
        check.entries.finish();
        Ok(check)
    }

    fn add_functions<P: Platform>(
        &mut self,
        platform: &P,
        patch: &Patch<P>,
        lower: &LowerPatches<'_, P>,
        direction: Direction,
    ) -> Result {
        let mut cold_parts = ColdParts::new();
        for object in patch.objects.iter().filter(|object| object.is_loaded()) {
            for func in object.funcs.iter().filter(|func| !func.immediate) {
                let name = self.names.len();
                self.names.push(func.name.try_clone()?)?;
                match (direction, lower.top(func)) {
                    (Direction::Unpatching, _) => {
                        self.functions.add(func.new, name)?;
                        self.add_entry::<P>(func, name)?;
                    }
                    // The target without this patch. It is not a nop: nops are removed when their patch's transition
                    // ends, before another can start.
                    (Direction::Patching, Some((patch, previous))) => {
                        self.functions.add(previous.new, name)?;
                        self.add_entry::<P>(func, name)?;
                        cold_parts.of_replacement(patch, previous, name)?;
                    }
                    (Direction::Patching, _) => {
                        self.functions.add(func.old, name)?;
                        cold_parts.of_original(object, func, name)?;
                    }
                }
            }
        }
        cold_parts.find(platform, |text, name| self.functions.add(text, name))
    }

    /// Adds the entry of a function: the call at its patch site, and the return address behind it.
    fn add_entry<P: Platform>(&mut self, func: &Func<P>, name: usize) -> Result {
        let Some(site) = func.site else {
            return Ok(());
        };
        let entry = TextRange {
            start: site.address(),
            size: P::CALL_SIZE.saturating_add(1),
        };
        self.entries.add(entry, name)
    }
}

impl<P: Platform> Patches<P> {
    /// The patches whose modules are released when a transition of `patch` ends.
    fn released_after(
        &self,
        patch: P::Patch,
        direction: Direction,
    ) -> impl Iterator<Item = &Patch<P>> {
        let replaces = self.get(patch).is_some_and(|patch| patch.replace);
        self.patches.iter().filter(move |other| {
            let is_this = other.handle == patch;
            let is_released = match direction {
                Direction::Unpatching => is_this,
                Direction::Patching => replaces && !is_this,
            };
            is_released && !other.forced
        })
    }
}

/// The redirected functions of the patches below one.
struct LowerPatches<'a, P: Platform> {
    /// Sorted by function address, then from the bottom up.
    funcs: Vec<(usize, usize, &'a Patch<P>, &'a Func<P>)>,
}

impl<'a, P: Platform> LowerPatches<'a, P> {
    fn new(patches: &'a Patches<P>, patch: P::Patch) -> Result<Self> {
        let mut funcs = Vec::new();
        let below = patches
            .patches
            .iter()
            .take_while(|other| other.handle != patch);
        for (order, patch) in below.enumerate() {
            for func in patch.objects.iter().flat_map(|object| object.funcs.iter()) {
                if func.patched {
                    funcs.push((func.old.start, order, patch, func))?;
                }
            }
        }
        sort::sort_by_key(&mut funcs, |(function, order, ..)| (*function, *order));
        Ok(Self { funcs })
    }

    /// The highest replacement of the same function.
    fn top(&self, func: &Func<P>) -> Option<(&'a Patch<P>, &'a Func<P>)> {
        let end = self
            .funcs
            .partition_point(|(function, ..)| *function <= func.old.start);
        let (function, _, patch, below) = self.funcs.get(end.checked_sub(1)?)?;
        (*function == func.old.start).then_some((*patch, *below))
    }
}
