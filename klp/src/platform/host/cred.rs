// SPDX-License-Identifier: GPL-2.0-only

//! Stand-ins for users and credentials. The current user on the host is root, without capabilities.

use super::bindings::{self, file, kgid_t, kuid_t, sk_buff, user_namespace};
use core::ffi::c_int;
use core::ptr::{self, NonNull};
use std::boxed::Box;

/// A user, independent of user namespaces: C's `kuid_t`.
#[derive(Clone, Copy)]
pub struct Kuid(kuid_t);

impl Kuid {
    /// Returns the effective user of the current task.
    pub fn current_euid() -> Self {
        // SAFETY: the function has no requirements.
        Self(unsafe { current_euid() })
    }

    /// Converts from C's type.
    pub fn from_raw(kuid: kuid_t) -> Self {
        Self(kuid)
    }

    /// Converts to C's type.
    pub fn into_raw(self) -> kuid_t {
        self.0
    }

    /// Returns the user's number in the current user namespace.
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

/// Returns root.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn current_euid() -> kuid_t {
    kuid_t { val: 0 }
}

/// Returns `NULL`: the host has no user namespaces.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn current_user_ns() -> *mut user_namespace {
    ptr::null_mut()
}

/// Returns `false`: no task has capabilities on the host.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn ns_capable(_namespace: *mut user_namespace, _capability: c_int) -> bool {
    false
}

/// Returns `false`: no task has capabilities on the host.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn file_ns_capable(
    _file: *const file,
    _namespace: *mut user_namespace,
    _capability: c_int,
) -> bool {
    false
}

/// Returns `false`: no task has capabilities on the host.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn netlink_capable(_message: *const sk_buff, _capability: c_int) -> bool {
    false
}

/// Returns `false`: no task has capabilities on the host.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn netlink_ns_capable(
    _message: *const sk_buff,
    _namespace: *mut user_namespace,
    _capability: c_int,
) -> bool {
    false
}

/// Returns credentials of root, which are never freed.
pub(super) fn root() -> NonNull<bindings::cred> {
    let (user, group) = (kuid_t { val: 0 }, kgid_t { val: 0 });
    let user_ns = Box::into_raw(Box::new(user_namespace::new()));
    NonNull::from(Box::leak(Box::new(bindings::cred {
        uid: user,
        gid: group,
        euid: user,
        egid: group,
        user_ns,
    })))
}

/// Does nothing: credentials are never freed on the host.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn put_cred(_cred: *const bindings::cred) {}
