// SPDX-License-Identifier: GPL-2.0-only

//! The stack check: code that must not be on the stack of a task when its patch state changes, because it
//! belongs to the old state, or may be unloaded next.
//!
//! - Patching: the previous target, which is the original or the replacement of a patch
//!   below.
//! - Unpatching: the replacement.
//! - Either way: the entry of the function. A task that was preempted in the ftrace handler has read
//!   its target already. All that the stack shows of the handler is the return address behind the
//!   call at the patch site.
//! - All text of the modules that are released at the end: of the patch when unpatching, of all below it when
//!   it replaces them. A replacement may have jumped to a helper, and then the stack shows
//!   only that. A kernel thread that such a module created is an exception: the module must
//!   stop it before it is unloaded, and its `post_unpatch` callback may do so.

use crate::errno::Result;
use crate::memory::Vec;
use crate::name::Name;
use crate::platform::Stack;
use crate::sort;
use crate::sync::RaceCheck;
use crate::types::{Blocker, TextRange};

/// Text that belongs to a function of the patch.
#[derive(Clone, Copy, Debug)]
struct CheckedText {
    text: TextRange,
    /// The index of the function's name.
    name: usize,
}

/// A set of ranges that are equal or do not overlap.
#[derive(Debug)]
pub(crate) struct RangeSet {
    /// Sorted by start.
    ranges: Vec<CheckedText>,
    /// From the start of the first to the end of the last. The functions of most patches are close to
    /// each other, so most addresses need no search.
    span: TextRange,
}

impl RangeSet {
    pub(crate) const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            span: TextRange::NONE,
        }
    }

    pub(crate) fn add(&mut self, text: TextRange, name: usize) -> Result {
        if text.size == 0 {
            return Ok(());
        }
        self.ranges.push(CheckedText { text, name })
    }

    /// Sorts the ranges. Must be called after the last [`RangeSet::add`].
    pub(crate) fn finish(&mut self) {
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

    /// The index of the name of the function that `address` belongs to.
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

/// The code that must not be on the stack of a task that switches.
#[derive(Debug)]
pub struct StackCheck {
    /// Functions that tasks must not be in.
    pub(crate) functions: RangeSet,
    /// Entries of the patched functions, unless these are in `functions`.
    pub(crate) entries: RangeSet,
    /// All text of the modules that are released next.
    pub(crate) released: Vec<TextRange>,
    /// The names that the patch has for the functions.
    pub(crate) names: Vec<Name>,
    /// The name for text of a released module that is in no function of `functions`.
    pub(crate) elsewhere: Name,
    pub(crate) races: RaceCheck,
}

impl StackCheck {
    /// Checks whether a task with this stack may switch. `thread_function` is the function that a kernel thread
    /// was created to run.
    ///
    /// # Errors
    ///
    /// What blocks the task.
    pub fn judge(
        &self,
        stack: &Stack<'_>,
        thread_function: Option<usize>,
    ) -> core::result::Result<(), Blocker> {
        match stack {
            Stack::Running => Err(Blocker::Running),
            Stack::Unreliable => Err(Blocker::UnreliableStack),
            Stack::Known(addresses) => {
                let blocker = || self.blocker_in(addresses, thread_function);
                self.races.reading(blocker).map_or(Ok(()), Err)
            }
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
        // Checked last: the name of a function is more specific.
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
