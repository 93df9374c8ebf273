// SPDX-License-Identifier: GPL-2.0-only

//! Errors, each an errno, with the interface of the `kernel` crate.

use super::bindings;
use core::ffi::c_int;
use core::fmt;
use core::num::NonZeroI32;

/// An errno.
///
/// # Invariants
///
/// The errno is negative, and not below `-MAX_ERRNO`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Error(NonZeroI32);

impl Error {
    /// Creates an error from a negative errno. Other numbers become `EINVAL`.
    #[inline]
    pub fn from_errno(errno: c_int) -> Self {
        match is_errno(errno) {
            // SAFETY: `is_errno()` has checked it.
            true => unsafe { error(errno) },
            false => crate::errno::EINVAL,
        }
    }

    /// Returns the negative errno.
    #[inline]
    pub const fn to_errno(self) -> c_int {
        self.0.get()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errno {}", self.0)
    }
}

impl From<core::num::TryFromIntError> for Error {
    fn from(_: core::num::TryFromIntError) -> Self {
        crate::errno::EINVAL
    }
}

impl From<core::str::Utf8Error> for Error {
    fn from(_: core::str::Utf8Error) -> Self {
        crate::errno::EINVAL
    }
}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        crate::errno::EINVAL
    }
}

/// A result whose error is an errno.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

const fn is_errno(errno: c_int) -> bool {
    errno < 0 && errno >= -(bindings::MAX_ERRNO as c_int)
}

/// Converts a C result: a negative errno is an error.
#[inline]
pub fn to_result(errno: c_int) -> Result {
    match errno < 0 {
        true => Err(Error::from_errno(errno)),
        false => Ok(()),
    }
}

/// Returns the error of a constant errno.
pub(crate) const fn constant_error(errno: c_int) -> Error {
    assert!(is_errno(errno));
    // SAFETY: `errno` was checked above.
    unsafe { error(errno) }
}

/// Returns the error of an errno.
///
/// # Safety
///
/// `errno` is negative and not below -4095.
#[inline(always)]
pub(crate) const unsafe fn error(errno: c_int) -> Error {
    // SAFETY: guaranteed by the caller. INVARIANT: guaranteed by the caller.
    Error(unsafe { NonZeroI32::new_unchecked(errno) })
}
