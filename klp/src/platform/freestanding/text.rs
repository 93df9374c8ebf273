// SPDX-License-Identifier: GPL-2.0-only

//! Characters and texts, in the shape of the `kernel` crate's.

use core::ffi::CStr;

/// C's `char`, which has no sign in the kernel.
#[allow(non_camel_case_types)]
pub type c_char = u8;

mod sealed {
    pub trait Sealed {}

    impl Sealed for core::ffi::CStr {}
}

/// Pointers to texts with the kernel's `char`. `CStr::as_ptr()` has that of user space.
pub trait CStrExt: sealed::Sealed {
    /// From the pointer.
    ///
    /// # Safety
    ///
    /// As for [`CStr::from_ptr`].
    unsafe fn from_char_ptr<'a>(ptr: *const c_char) -> &'a Self;

    /// The pointer.
    fn as_char_ptr(&self) -> *const c_char;
}

impl CStrExt for CStr {
    #[inline]
    unsafe fn from_char_ptr<'a>(ptr: *const c_char) -> &'a Self {
        // SAFETY: as the caller vouches.
        unsafe { CStr::from_ptr(ptr.cast()) }
    }

    #[inline]
    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr().cast()
    }
}
