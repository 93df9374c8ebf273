// SPDX-License-Identifier: GPL-2.0-only

//! Users, with the interface of the `kernel` crate.

use super::bindings;

/// A user, independent of user namespaces: C's `kuid_t`.
#[derive(Clone, Copy)]
pub struct Kuid(bindings::kuid_t);

impl Kuid {
    /// Returns the effective user of the current task.
    #[inline]
    pub fn current_euid() -> Self {
        // SAFETY: the function has no requirements.
        Self(unsafe { bindings::current_euid() })
    }

    /// Converts from C's type.
    #[inline]
    pub fn from_raw(kuid: bindings::kuid_t) -> Self {
        Self(kuid)
    }

    /// Converts to C's type.
    #[inline]
    pub fn into_raw(self) -> bindings::kuid_t {
        self.0
    }

    /// Returns the user's number in the current user namespace.
    #[inline]
    pub fn into_uid_in_current_ns(self) -> u32 {
        // SAFETY: the function accepts any user.
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
