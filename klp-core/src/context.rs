// SPDX-License-Identifier: GPL-2.0-only

//! The context of all operations of the core: its state, what it publishes, and the platform.

use crate::model::Patches;
use crate::platform::Platform;
use crate::published::Published;
use crate::snapshot::Locked;

/// The context of an operation. It exists only while the core's mutex is held.
///
/// Its methods are in modules by subject: enabling and disabling in [`crate::model`], attaching to
/// patch sites in [`crate::attach`], transitions in [`crate::transition`], and so on.
#[derive(Debug)]
pub struct Core<'a, P: Platform> {
    /// Proof that the mutex is held.
    pub(crate) lock: Locked<'a>,
    /// The kernel.
    pub(crate) platform: &'a P,
    /// State that is read without the mutex.
    pub(crate) published: &'a Published,
    /// State that the mutex guards.
    pub(crate) state: &'a mut Patches<P>,
}

impl<'a, P: Platform> Core<'a, P> {
    /// Makes a context from its parts.
    ///
    /// # Safety
    ///
    /// The writers in `state` are those of the snapshots in `published`.
    #[allow(unsafe_code)]
    pub unsafe fn new(
        lock: Locked<'a>,
        platform: &'a P,
        published: &'a Published,
        state: &'a mut Patches<P>,
    ) -> Self {
        Self {
            lock,
            platform,
            published,
            state,
        }
    }
}
