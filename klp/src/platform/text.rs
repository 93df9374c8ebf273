// SPDX-License-Identifier: GPL-2.0-only

//! Characters and texts where there is no `kernel` crate, in its shape.

use core::ffi::CStr;

/// C's `char`, which has no sign in the kernel.
#[allow(non_camel_case_types)]
pub type c_char = u8;

mod sealed {
    pub trait Sealed {}

    impl Sealed for core::ffi::CStr {}
}

/// Pointers to texts with the kernel's `char`. `CStr::as_ptr()` has that of user space, which has a
/// sign on some machines.
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
    fn texts_round_trip_through_c() {
        let text = c"\u{e4}";
        // SAFETY: it is a text that lasts.
        assert_eq!(unsafe { CStr::from_char_ptr(text.as_char_ptr()) }, text);
        // SAFETY: it has two bytes and a NUL.
        assert_eq!(unsafe { *text.as_char_ptr() }, 0xc3);
    }
}
