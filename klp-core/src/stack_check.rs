// SPDX-License-Identifier: GPL-2.0-only

//! What must not be on the stack of a task that switches: code that the task must not be in when its
//! patch state changes, and code that may be unloaded next.
//!
//! - Patching: the function that calls went to before, which is the original or the replacement of a patch
//!   below.
//! - Unpatching: the replacement.
//! - Either way: the entry of the function. A task that was preempted in the ftrace handler has read
//!   its target already. Of the handler, nothing is on the stack but the return address, which is
//!   behind the call at the patch site.
//! - All text of the modules that are released at the end: of the patch when unpatching, of all below it when
//!   it replaces them. A replacement may have jumped to a helper, which then is all that
//!   the stack shows. A kernel thread that such a module created is an exception: it is the module's to
//!   stop it before it goes, and its `post_unpatch` callback may do so.

use crate::cold_parts::ColdParts;
use crate::errno::Result;
use crate::memory::Vec;
use crate::name::Name;
use crate::patches::{Func, Patch, Patches};
use crate::platform::{Platform, Stack};
use crate::sort;
use crate::types::{Blocker, Direction, TextRange};

/// Text that belongs to a function of the patch.
#[derive(Clone, Copy, Debug)]
struct CheckedText {
    text: TextRange,
    /// The place of the function's name.
    name: usize,
}

/// A set of ranges that do not overlap, but for equal ones.
#[derive(Debug)]
struct RangeSet {
    /// Sorted by start.
    ranges: Vec<CheckedText>,
    /// From the start of the first to the end of the last: few patches are about functions all over
    /// the kernel, and then most addresses need no search.
    span: TextRange,
}

impl RangeSet {
    const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            span: TextRange::NONE,
        }
    }

    fn add(&mut self, text: TextRange, name: usize) -> Result {
        if text.size == 0 {
            return Ok(());
        }
        self.ranges.push(CheckedText { text, name })
    }

    /// To be called after the last [`RangeSet::add`].
    fn finish(&mut self) {
        sort::sort_by_key(&mut self.ranges, |range| range.text.start);
        if let (Some(first), Some(last)) = (self.ranges.first(), self.ranges.last()) {
            let start = first.text.start;
            let end = last.text.start.wrapping_add(last.text.size);
            self.span = TextRange {
                start,
                size: end.wrapping_sub(start),
            };
        }
    }

    /// The place of the name of a function that `address` belongs to.
    fn name_at(&self, address: usize) -> Option<usize> {
        if !self.span.contains(address) {
            return None;
        }
        let after = self
            .ranges
            .partition_point(|range| range.text.start <= address);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        range.text.contains(address).then_some(range.name)
    }
}

/// The code that tasks must not be in.
#[derive(Debug)]
pub struct StackCheck {
    /// Functions that tasks must not be in.
    functions: RangeSet,
    /// Entries of the patched functions, as far as they are in none of the above.
    entries: RangeSet,
    /// All text of the modules that are released next.
    released: Vec<TextRange>,
    /// As the patch calls the functions.
    names: Vec<Name>,
    /// What text of a released module is called that is in no function.
    elsewhere: Name,
}

impl StackCheck {
    /// For a transition of `patch`.
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
            for func in object.funcs.iter() {
                let name = self.names.len();
                self.names.push(func.name.try_clone()?)?;
                match (direction, lower.top(func)) {
                    (Direction::Unpatching, _) => {
                        self.functions.add(func.new, name)?;
                        self.add_entry::<P>(func, name)?;
                    }
                    // What calls go to without this patch.
                    (Direction::Patching, Some((patch, previous))) if !previous.nop => {
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
        cold_parts.find(platform, &mut |text, name| self.functions.add(text, name))
    }

    /// Adds the site of a function, up to and including the return address of the call there.
    fn add_entry<P: Platform>(&mut self, func: &Func<P>, name: usize) -> Result {
        if func.site == 0 {
            return Ok(());
        }
        let entry = TextRange {
            start: func.site,
            size: P::CALL_SIZE.saturating_add(1),
        };
        self.entries.add(entry, name)
    }

    /// May a task with this stack switch? `thread_function` is what it was created to run, where it is a
    /// kernel thread.
    ///
    /// # Errors
    ///
    /// What keeps it from switching.
    pub fn judge(
        &self,
        stack: &Stack<'_>,
        thread_function: Option<usize>,
    ) -> core::result::Result<(), Blocker> {
        match stack {
            Stack::Running => Err(Blocker::Running),
            Stack::Unreliable => Err(Blocker::UnreliableStack),
            Stack::Known(addresses) => match self.blocker_in(addresses, thread_function) {
                Some(blocker) => Err(blocker),
                None => Ok(()),
            },
        }
    }

    fn blocker_in(&self, addresses: &[usize], thread_function: Option<usize>) -> Option<Blocker> {
        let function = addresses.iter().find_map(|&address| {
            let name = self.functions.name_at(address);
            name.or_else(|| self.entries.name_at(address))
        });
        if let Some(name) = function {
            return Some(Blocker::InFunction(name));
        }
        // What a replacement has jumped to is the module's too, but says less.
        let blocks = |text: &TextRange| {
            !thread_function.is_some_and(|function| text.contains(function))
                && addresses.iter().any(|&address| text.contains(address))
        };
        self.released
            .iter()
            .any(blocks)
            .then_some(Blocker::InReleasedText)
    }

    /// The name of the function that a blocked task sleeps in.
    pub fn name(&self, blocker: Blocker) -> Option<&Name> {
        match blocker {
            Blocker::InFunction(index) => self.names.get(index),
            Blocker::InReleasedText => Some(&self.elsewhere),
            Blocker::Running | Blocker::UnreliableStack => None,
        }
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

/// What the patches below one do, by function.
struct LowerPatches<'a, P: Platform> {
    /// Sorted by function, and from the bottom up for each.
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

    /// What calls of the same function go to without the patch above.
    fn top(&self, func: &Func<P>) -> Option<(&'a Patch<P>, &'a Func<P>)> {
        let end = self
            .funcs
            .partition_point(|(function, ..)| *function <= func.old.start);
        let (function, _, patch, below) = self.funcs.get(end.checked_sub(1)?)?;
        (*function == func.old.start).then_some((*patch, *below))
    }
}
