// SPDX-License-Identifier: GPL-2.0-only

//! Access to user memory, with the interface of the `kernel` crate.

use super::{bindings, Result};
use crate::errno::{EFAULT, EINVAL};
use core::ffi::{c_void, CStr};
use core::mem::MaybeUninit;

/// A pointer to user memory, about which nothing is assumed.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct UserPtr(*mut c_void);

impl UserPtr {
    /// Creates a pointer from an address.
    #[inline]
    pub fn from_addr(address: usize) -> Self {
        Self(core::ptr::with_exposed_provenance_mut(address))
    }

    /// Converts from C's pointer.
    #[inline]
    pub fn from_ptr(pointer: *mut c_void) -> Self {
        Self(pointer)
    }

    /// Converts to C's pointer.
    #[inline]
    pub fn as_const_ptr(self) -> *const c_void {
        self.0
    }

    /// Converts to C's mutable pointer.
    #[inline]
    pub fn as_mut_ptr(self) -> *mut c_void {
        self.0
    }

    /// Returns the pointer `count` bytes further.
    #[inline]
    #[must_use]
    pub fn wrapping_byte_add(self, count: usize) -> Self {
        Self(self.0.wrapping_byte_add(count))
    }
}

/// A type for which any bytes are a valid value, and which has no padding.
///
/// # Safety
///
/// Any bytes are a valid value of the type, and it has no padding.
pub unsafe trait Bytes {}

macro_rules! bytes {
    ($($type:ty)*) => {$(
        // SAFETY: an integer.
        unsafe impl Bytes for $type {}
    )*};
}

bytes! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

// SAFETY: the elements are `Bytes`, and an array has no padding between them.
unsafe impl<T: Bytes, const N: usize> Bytes for [T; N] {}

/// A range of user memory.
pub struct UserSlice {
    place: UserPtr,
    length: usize,
}

impl UserSlice {
    /// Creates a range from its start and length.
    #[inline]
    pub fn new(place: UserPtr, length: usize) -> Self {
        Self { place, length }
    }

    /// Returns a reader of the range.
    #[inline]
    pub fn reader(self) -> UserSliceReader {
        UserSliceReader(self)
    }

    /// Returns a writer of the range.
    #[inline]
    pub fn writer(self) -> UserSliceWriter {
        UserSliceWriter(self)
    }

    /// Returns a reader and a writer of the range.
    #[inline]
    pub fn reader_writer(self) -> (UserSliceReader, UserSliceWriter) {
        let Self { place, length } = self;
        (
            Self::new(place, length).reader(),
            Self::new(place, length).writer(),
        )
    }

    /// Removes the first `count` bytes from the range, and returns their address.
    #[inline]
    fn take(&mut self, count: usize) -> Result<UserPtr> {
        let rest = self.length.checked_sub(count).ok_or(EFAULT)?;
        let place = self.place;
        self.place = place.wrapping_byte_add(count);
        self.length = rest;
        Ok(place)
    }
}

/// A sequential reader of user memory, which reads each byte once.
pub struct UserSliceReader(UserSlice);

impl UserSliceReader {
    /// Returns the number of bytes that are left.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.length
    }

    /// Returns whether no bytes are left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.length == 0
    }

    /// Skips `count` bytes.
    ///
    /// # Errors
    ///
    /// `EFAULT`: fewer bytes are left.
    #[inline]
    pub fn skip(&mut self, count: usize) -> Result {
        self.0.take(count).map(drop)
    }

    /// Returns another reader of the bytes that are left.
    #[inline]
    pub fn clone_reader(&self) -> Self {
        UserSlice::new(self.0.place, self.0.length).reader()
    }

    /// Copies `count` bytes to `to`.
    ///
    /// # Safety
    ///
    /// `count` bytes are writable at `to`.
    #[inline]
    unsafe fn copy(&mut self, to: *mut u8, count: usize) -> Result {
        if count > self.0.length {
            return Err(EFAULT);
        }
        let from = self.0.place.as_const_ptr();
        // SAFETY: the caller guarantees `to`; `copy_from_user()` checks the user memory.
        match unsafe { bindings::copy_from_user(to.cast(), from, count) } {
            0 => self.0.take(count).map(drop),
            _ => Err(EFAULT),
        }
    }

    /// Reads into a buffer.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    #[inline]
    pub fn read_slice(&mut self, out: &mut [u8]) -> Result {
        // SAFETY: the slice is that long.
        unsafe { self.copy(out.as_mut_ptr(), out.len()) }
    }

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    #[inline]
    pub fn read<T: Bytes>(&mut self) -> Result<T> {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: `value` has that size.
        unsafe { self.copy(value.as_mut_ptr().cast(), size_of::<T>()) }?;
        // SAFETY: all bytes are initialised, and any bytes are a valid value.
        Ok(unsafe { value.assume_init() })
    }
}

impl UserSliceReader {
    /// Reads a NUL-terminated string. A string that is longer than the buffer is truncated and NUL-terminated.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the buffer is empty. `EFAULT`: the memory is not accessible, or the range ends before both the string and
    /// the buffer.
    #[inline]
    pub fn strcpy_into_buf(self, buf: &mut [u8]) -> Result<&CStr> {
        let room = buf.len();
        let last = room.checked_sub(1).ok_or(EINVAL)?;
        let most = room.min(self.0.length);
        let (to, from) = (buf.as_mut_ptr().cast(), self.0.place.as_const_ptr());
        // SAFETY: the buffer has at least `most` bytes; `strncpy_from_user()` checks the user memory.
        let copied = unsafe { bindings::strncpy_from_user(to, from.cast(), most as _) };
        let copied = usize::try_from(copied).map_err(|_| EFAULT)?;
        if copied == most && most < room {
            return Err(EFAULT);
        }
        let end = copied.min(last);
        if let Some(byte) = buf.get_mut(end) {
            *byte = 0;
        }
        let text = buf.get(..=end).ok_or(EFAULT)?;
        CStr::from_bytes_with_nul(text).map_err(|_| EFAULT)
    }
}

/// A sequential writer of user memory.
pub struct UserSliceWriter(UserSlice);

impl UserSliceWriter {
    /// Returns the number of bytes that are left.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.length
    }

    /// Returns whether no bytes are left.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.length == 0
    }

    /// Writes the bytes.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    #[inline]
    pub fn write_slice(&mut self, data: &[u8]) -> Result {
        if data.len() > self.0.length {
            return Err(EFAULT);
        }
        let to = self.0.place.as_mut_ptr();
        // SAFETY: the slice is that long; `copy_to_user()` checks the user memory.
        match unsafe { bindings::copy_to_user(to, data.as_ptr().cast(), data.len()) } {
            0 => self.0.take(data.len()).map(drop),
            _ => Err(EFAULT),
        }
    }

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    #[inline]
    pub fn write<T: Bytes>(&mut self, value: &T) -> Result {
        let data = core::ptr::from_ref(value).cast();
        // SAFETY: `value` has that size, and no padding.
        self.write_slice(unsafe { core::slice::from_raw_parts(data, size_of::<T>()) })
    }
}
