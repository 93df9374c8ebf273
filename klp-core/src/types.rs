// SPDX-License-Identifier: GPL-2.0-only

//! The types that the logic and the platforms both speak of. They import nothing.

use core::num::NonZeroUsize;

/// A patch site: the traced address in a function's entry.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(transparent)]
pub struct Site(NonZeroUsize);

impl Site {
    /// The site at `address`; none at zero.
    pub const fn new(address: usize) -> Option<Self> {
        match NonZeroUsize::new(address) {
            Some(address) => Some(Self(address)),
            None => None,
        }
    }

    /// Where it is.
    pub const fn address(self) -> usize {
        self.0.get()
    }
}

/// Where a call goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target {
    /// The original function: the call goes on behind the patch site.
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

    /// The other way round.
    pub const fn to_c(self) -> usize {
        match self {
            Self::Original => 0,
            Self::Function(address) => address.get(),
        }
    }
}

/// A patch site with a dedicated `ftrace_ops`, and where calls go from there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SiteTarget {
    /// The patch site.
    pub site: Site,
    /// Where the site jumps to; [`Target::Original`] when it calls the ftrace handler.
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

    /// Is `address` in it?
    pub fn contains(&self, address: usize) -> bool {
        address.wrapping_sub(self.start) < self.size
    }
}

/// Which functions a task uses, where they are in transition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PatchState {
    /// No transition runs.
    Idle,
    /// The old ones.
    Unpatched,
    /// The patch's.
    Patched,
}

impl PatchState {
    /// As `task_struct.patch_state` and `/proc/PID/patch_state` have it
    /// (`KLP_TRANSITION_*` in `include/linux/livepatch.h`).
    pub const fn to_c(self) -> i32 {
        match self {
            Self::Idle => -1,
            Self::Unpatched => 0,
            Self::Patched => 1,
        }
    }

    /// The other way round.
    pub const fn from_c(state: i32) -> Self {
        match state {
            0 => Self::Unpatched,
            1 => Self::Patched,
            _ => Self::Idle,
        }
    }
}

/// Where a transition leads.
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

    /// The way back.
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
    /// It runs.
    Running,
    /// Its stack cannot be read reliably.
    UnreliableStack,
    /// It sleeps in a function concerned: the place of its name in the stack check.
    InFunction(usize),
    /// It sleeps in other text of a module that is released next.
    InReleasedText,
}
