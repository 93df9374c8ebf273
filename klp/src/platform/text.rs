// SPDX-License-Identifier: GPL-2.0-only

//! C's `char` and strings for platforms without the `kernel` crate, with its interface.

use core::ffi::CStr;

/// C's `char`, which is unsigned in the kernel.
#[allow(non_camel_case_types)]
pub type c_char = u8;

mod sealed {
    pub trait Sealed {}

    impl Sealed for core::ffi::CStr {}
}

/// Conversions of strings from and to pointers with the kernel's `char`. `CStr::as_ptr()` uses that of user space, which
/// is signed on some machines.
pub trait CStrExt: sealed::Sealed {
    /// Converts a pointer to a string.
    ///
    /// # Safety
    ///
    /// As for [`CStr::from_ptr`].
    unsafe fn from_char_ptr<'a>(ptr: *const c_char) -> &'a Self;

    /// Returns the pointer to the string.
    fn as_char_ptr(&self) -> *const c_char;
}

impl CStrExt for CStr {
    #[inline]
    unsafe fn from_char_ptr<'a>(ptr: *const c_char) -> &'a Self {
        // SAFETY: guaranteed by the caller.
        unsafe { CStr::from_ptr(ptr.cast()) }
    }

    #[inline]
    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr().cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_round_trip_through_c() {
        let text = c"\u{e4}";
        // SAFETY: a static string.
        assert_eq!(unsafe { CStr::from_char_ptr(text.as_char_ptr()) }, text);
        // SAFETY: the string has two bytes and a NUL.
        assert_eq!(unsafe { *text.as_char_ptr() }, 0xc3);
    }
}
