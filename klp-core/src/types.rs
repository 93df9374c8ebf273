// SPDX-License-Identifier: GPL-2.0-only

//! Types that the logic and the platforms share. They depend on no other module.

use core::num::NonZeroUsize;

/// A patch site: the traced address in a function's entry.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct Site(NonZeroUsize);

impl Site {
    /// The site at `address`; `None` for zero.
    pub const fn new(address: usize) -> Option<Self> {
        match NonZeroUsize::new(address) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }

    /// Its address.
    pub const fn address(self) -> usize {
        self.0.get()
    }
}

/// The target of a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// The original function: execution continues behind the patch site.
    Original,
    /// The function at this address.
    Function(NonZeroUsize),
}

impl Target {
    /// The function at `address`; zero is the original one, as in C.
    pub const fn from_c(address: usize) -> Self {
        match NonZeroUsize::new(address) {
            Some(address) => Self::Function(address),
            None => Self::Original,
        }
    }

    /// The function's address; zero for the original one.
    pub const fn to_c(self) -> usize {
        match self {
            Self::Original => 0,
            Self::Function(address) => address.get(),
        }
    }
}

/// A patch site with a dedicated `ftrace_ops`, and its target.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SiteTarget {
    /// The patch site.
    pub site: Site,
    /// The target of the jump; [`Target::Original`] if the site calls the ftrace handler.
    pub target: Target,
}

impl SiteTarget {
    /// A site that calls the handler.
    pub const fn handler(site: Site) -> Self {
        Self {
            site,
            target: Target::Original,
        }
    }
}

/// A range of the kernel's text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TextRange {
    /// The first byte.
    pub start: usize,
    /// The number of bytes.
    pub size: usize,
}

impl TextRange {
    /// No text.
    pub const NONE: Self = Self { start: 0, size: 0 };

    /// Is `address` in the range?
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.start) < self.size
    }
}

/// The patch state of a task: the version of functions in transition that it calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PatchState {
    /// No transition runs.
    Idle,
    /// The old functions.
    Unpatched,
    /// The patch's functions.
    Patched,
}

impl PatchState {
    /// The number in `task_struct.patch_state` and `/proc/PID/patch_state`
    /// (`KLP_TRANSITION_*` in `include/linux/livepatch.h`).
    pub const fn to_c(self) -> i32 {
        match self {
            Self::Idle => -1,
            Self::Unpatched => 0,
            Self::Patched => 1,
        }
    }

    /// The state for such a number.
    pub const fn from_c(state: i32) -> Self {
        match state {
            0 => Self::Unpatched,
            1 => Self::Patched,
            _ => Self::Idle,
        }
    }
}

/// The direction of a transition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// To the patch.
    Patching,
    /// Away from it.
    Unpatching,
}

impl Direction {
    /// The state of tasks that have switched.
    pub const fn target(self) -> PatchState {
        match self {
            Self::Patching => PatchState::Patched,
            Self::Unpatching => PatchState::Unpatched,
        }
    }

    /// The state of tasks that have not.
    pub const fn initial(self) -> PatchState {
        self.reversed().target()
    }

    /// The opposite direction.
    pub const fn reversed(self) -> Self {
        match self {
            Self::Patching => Self::Unpatching,
            Self::Unpatching => Self::Patching,
        }
    }

    /// Its name in log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patching => "patching",
            Self::Unpatching => "unpatching",
        }
    }
}

/// Why a task has not switched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Blocker {
    /// The task runs.
    Running,
    /// Its stack cannot be read reliably.
    UnreliableStack,
    /// It sleeps in a function concerned, with this index of its name in the stack check.
    InFunction(usize),
    /// It sleeps in other text of a module that is released next.
    InReleasedText,
}
