// SPDX-License-Identifier: GPL-2.0-only

//! The core at work: what its mutex guards, what others read without it, and the kernel around it.

use crate::model::Patches;
use crate::platform::Platform;
use crate::published::Published;
use crate::snapshot::Locked;

/// Everything that a step of the core needs. It exists only while the core's mutex is held.
///
/// Its methods are where they belong by subject: enabling and disabling in [`crate::model`], attaching to
/// patch sites in [`crate::attach`], transitions in [`crate::transition`], and so on.
#[derive(Debug)]
pub struct Core<'a, P: Platform> {
    /// The proof for what needs the mutex.
    pub(crate) lock: Locked<'a>,
    /// The kernel.
    pub(crate) platform: &'a P,
    /// What is read without the mutex.
    pub(crate) published: &'a Published,
    /// What the mutex guards.
    pub(crate) state: &'a mut Patches<P>,
}

impl<'a, P: Platform> Core<'a, P> {
    /// The core.
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
