// SPDX-License-Identifier: GPL-2.0-only

//! Users, in the shape of the kernel's. The only task here is root's, and may do nothing.

use super::bindings::{kuid_t, user_namespace};
use core::ffi::c_int;
use core::ptr;

/// A user as the kernel knows it, whatever its number in a user namespace.
#[derive(Clone, Copy)]
pub struct Kuid(kuid_t);

impl Kuid {
    /// The effective user of the task that runs.
    pub fn current_euid() -> Self {
        // SAFETY: it only returns a value.
        Self(unsafe { current_euid() })
    }

    /// From C's.
    pub fn from_raw(kuid: kuid_t) -> Self {
        Self(kuid)
    }

    /// To C's.
    pub fn into_raw(self) -> kuid_t {
        self.0
    }

    /// Its number in the user namespace of the task that runs.
    pub fn into_uid_in_current_ns(self) -> u32 {
        self.0.val
    }
}

impl PartialEq for Kuid {
    fn eq(&self, other: &Self) -> bool {
        self.0.val == other.0.val
    }
}

impl Eq for Kuid {}

/// Root.
///
/// # Safety
///
/// There is no requirement; the kernel's function of this name is unsafe to call.
pub unsafe fn current_euid() -> kuid_t {
    kuid_t { val: 0 }
}

/// There is none.
///
/// # Safety
///
/// There is no requirement; the kernel's function of this name is unsafe to call.
pub unsafe fn current_user_ns() -> *mut user_namespace {
    ptr::null_mut()
}

/// Nobody has any capability here.
///
/// # Safety
///
/// There is no requirement; the kernel's function of this name is unsafe to call.
pub unsafe fn ns_capable(_namespace: *mut user_namespace, _capability: c_int) -> bool {
    false
}
