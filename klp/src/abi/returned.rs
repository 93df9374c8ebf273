// SPDX-License-Identifier: GPL-2.0-only

//! [`Returned`], a pointer that a replacement passes on from `original`.

use super::{CAbi, FromOriginal, FromValue, IntoC, Value};
use crate::platform::Error;
use crate::signature::Given;
use core::ptr;

/// A pointer that [`original`](mod@crate::original) returned, or `NULL`, as the result of a replacement.
///
/// It is not `Copy`, because it may carry a counted reference. A [`Result`] of it can also be an `ERR_PTR()`.
///
/// ```
/// use klp::prelude::*;
///
/// #[kernel_struct("net_device")]
/// struct NetDevice;
///
/// #[livepatch(object = "vmlinux", replaces = "dev_lookup",
///             description = "No device has a negative number", license = "GPL")]
/// fn dev_lookup(index: i32) -> Returned<NetDevice> {
///     if index < 0 {
///         return Returned::null();
///     }
///     original(index)
/// }
/// # fn main() {}
/// ```
#[repr(transparent)]
#[must_use = "it may carry a reference that has to be dropped"]
pub struct Returned<T>(*mut T);

impl<T> Returned<T> {
    /// Returns `NULL`.
    #[inline(always)]
    pub const fn null() -> Self {
        Self(ptr::null_mut())
    }

    /// Returns whether the pointer is `NULL`.
    #[inline(always)]
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// Returns the raw pointer.
    ///
    /// ```
    /// use klp::prelude::*;
    ///
    /// let returned = Returned::<u32>::null();
    /// assert!(returned.is_null() && returned.as_ptr().is_null());
    /// ```
    #[inline(always)]
    pub fn as_ptr(&self) -> *mut T {
        self.0
    }
}

impl<T> CAbi for Returned<T> {
    type C = *mut T;
    const GIVEN: Given = Given::Sound;
}

impl<T> IntoC for Returned<T> {
    #[inline(always)]
    fn into_c(self) -> *mut T {
        self.0
    }
}

impl<T> FromOriginal for Returned<T> {
    #[inline(always)]
    unsafe fn from_original(c: *mut T) -> Self {
        Self(c)
    }
}

impl<T> Value for Returned<T> {
    type C = *mut T;
    const GIVEN: Given = Given::Sound;

    #[inline(always)]
    fn value(self) -> *mut T {
        self.0
    }

    #[inline(always)]
    fn errno(errno: i32) -> *mut T {
        <*mut T as Value>::errno(errno)
    }
}

impl<T> FromValue for Returned<T> {
    #[inline(always)]
    unsafe fn from_value(c: *mut T) -> Result<Self, Error> {
        // SAFETY: guaranteed by the caller.
        unsafe { <*mut T as FromValue>::from_value(c) }.map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returned_pointers_round_trip() {
        let mut value = 7;
        let c: *mut i32 = &raw mut value;
        // SAFETY: the pointer is not dereferenced.
        let returned = unsafe { Returned::from_original(c) };
        assert!(!returned.is_null() && returned.as_ptr() == c);
        assert_eq!(returned.into_c(), c);
        assert!(Returned::<i32>::null().into_c().is_null());
    }

    #[test]
    fn errnos_and_pointers_are_distinguished() {
        let enomem = ptr::without_provenance_mut::<i32>(usize::MAX - 11);
        // SAFETY: the pointer is not dereferenced.
        let failed = unsafe { Result::<Returned<i32>, Error>::from_original(enomem) };
        assert_eq!(failed.into_c(), enomem);
        // SAFETY: as above.
        let none = unsafe { Result::<Returned<i32>, Error>::from_original(ptr::null_mut()) };
        assert!(matches!(&none, Ok(none) if none.is_null()));
        assert!(none.into_c().is_null());
    }
}
