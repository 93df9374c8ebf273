// SPDX-License-Identifier: GPL-2.0-only

//! Users, in the shape of the kernel's. The only task here is root's, and may do nothing.

use super::bindings::{self, file, kgid_t, kuid_t, sk_buff, user_namespace};
use core::ffi::c_int;
use core::ptr::{self, NonNull};
use std::boxed::Box;

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

/// Nobody has any capability here.
///
/// # Safety
///
/// There is no requirement; the kernel's function of this name is unsafe to call.
pub unsafe fn file_ns_capable(
    _file: *const file,
    _namespace: *mut user_namespace,
    _capability: c_int,
) -> bool {
    false
}

/// Nobody has any capability here.
///
/// # Safety
///
/// There is no requirement; the kernel's function of this name is unsafe to call.
pub unsafe fn netlink_capable(_message: *const sk_buff, _capability: c_int) -> bool {
    false
}

/// Nobody has any capability here.
///
/// # Safety
///
/// There is no requirement; the kernel's function of this name is unsafe to call.
pub unsafe fn netlink_ns_capable(
    _message: *const sk_buff,
    _namespace: *mut user_namespace,
    _capability: c_int,
) -> bool {
    false
}

/// Credentials of root, which stay.
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

/// They stay.
///
/// # Safety
///
/// There is no requirement; the kernel's function of this name is unsafe to call.
pub unsafe fn put_cred(_cred: *const bindings::cred) {}
