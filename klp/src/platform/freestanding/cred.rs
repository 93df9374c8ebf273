// SPDX-License-Identifier: GPL-2.0-only

//! Users, in the shape of the `kernel` crate's.

use super::bindings;

/// A user as the kernel knows it, whatever its number in a user namespace.
#[derive(Clone, Copy)]
pub struct Kuid(bindings::kuid_t);

impl Kuid {
    /// The effective user of the task that runs.
    #[inline]
    pub fn current_euid() -> Self {
        // SAFETY: it returns a value of the task that runs.
        Self(unsafe { bindings::current_euid() })
    }

    /// From C's.
    #[inline]
    pub fn from_raw(kuid: bindings::kuid_t) -> Self {
        Self(kuid)
    }

    /// To C's.
    #[inline]
    pub fn into_raw(self) -> bindings::kuid_t {
        self.0
    }

    /// Its number in the user namespace of the task that runs.
    #[inline]
    pub fn into_uid_in_current_ns(self) -> u32 {
        // SAFETY: it looks the number up.
        unsafe { bindings::uid_in_current_ns(self.0) }
    }
}

impl PartialEq for Kuid {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0.val == other.0.val
    }
}

impl Eq for Kuid {}
