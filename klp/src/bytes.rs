// SPDX-License-Identifier: GPL-2.0-only

//! [`Bytes`], a buffer that C passes as a pointer and a length.
//!
//! ```
//! use klp::bytes::Bytes;
//! use klp::prelude::*;
//!
//! /// A message begins with its length, in network byte order.
//! #[livepatch(object = "vmlinux", replaces = "some_receive", description = "A fix", license = "GPL")]
//! fn some_receive(#[counted_by(length, unsafe)] message: Bytes<'_>, length: usize) -> Result {
//!     if message.u16_be(0).is_none_or(|length| usize::from(length) > message.len()) {
//!         return Err(EINVAL);
//!     }
//!     original(message, length)
//! }
//! # fn main() {}
//! ```
//!
//! `#[counted_by(length, unsafe)]` names the argument with the length, and claims that this many bytes of kernel
//! memory are readable during the call. A negative length counts as 0. Use [`Bytes::new`] for other memory.

use crate::abi::{CAbi, Call, ToOriginal};
use crate::view::access::{load, Word};
use core::ffi::c_void;
use core::marker::PhantomData;

/// A view of bytes in kernel memory, which C may change meanwhile.
///
/// Values are copied out, at any alignment, and nothing beyond the end is read. Two reads at one offset
/// can differ: check the value that you use.
///
/// ```
/// use klp::bytes::Bytes;
///
/// static PACKET: [u8; 6] = [0, 4, 1, 2, 3, 4];
///
/// // SAFETY: a static lives for ever.
/// let packet = unsafe { Bytes::new(PACKET.as_ptr().cast(), PACKET.len()) };
/// let length = packet.u16_be(0).map(usize::from);
/// let body = length.and_then(|length| packet.skip(2)?.first(length));
/// assert_eq!(body.and_then(|body| body.u32_be(0)), Some(0x0102_0304));
/// assert_eq!(packet.u64_le(0), None);
/// let mut copy = [0; 2];
/// assert_eq!(packet.copy(4, &mut copy), Some(()));
/// assert_eq!(copy, [3, 4]);
/// ```
#[derive(Clone, Copy)]
pub struct Bytes<'a> {
    start: *const u8,
    length: usize,
    memory: PhantomData<&'a u8>,
}

macro_rules! integers {
    ($($type:ident: $be:ident $le:ident;)*) => {$(
        #[doc = concat!("Returns the big-endian `", stringify!($type), "` at an offset; `None` if it is not within the bytes.")]
        #[inline]
        pub fn $be(&self, offset: usize) -> Option<$type> {
            self.load(offset).map($type::from_be)
        }

        #[doc = concat!("Returns the little-endian `", stringify!($type), "` at an offset; `None` if it is not within the bytes.")]
        #[inline]
        pub fn $le(&self, offset: usize) -> Option<$type> {
            self.load(offset).map($type::from_le)
        }
    )*};
}

impl CAbi for Bytes<'_> {
    type C = *const c_void;
}

/// Passes the pointer. The length is another argument.
impl ToOriginal for Bytes<'_> {
    #[inline(always)]
    fn to_original(self) -> *const c_void {
        self.start.cast()
    }
}

/// Makes the view of an argument. The expansion of `#[counted_by]` calls it.
///
/// # Safety
///
/// As for [`Bytes::new`], during the call.
#[doc(hidden)]
#[inline(always)]
pub const unsafe fn counted(start: *const c_void, length: usize, _call: &Call) -> Bytes<'_> {
    // SAFETY: guaranteed by the caller.
    unsafe { Bytes::new(start, length) }
}

impl<'a> Bytes<'a> {
    /// Makes a view of `length` bytes from `start`.
    ///
    /// # Safety
    ///
    /// `length` bytes of kernel memory, not of user space, are readable at `start` for `'a`. Any `start` will do for a
    /// `length` of 0.
    #[inline]
    pub const unsafe fn new(start: *const c_void, length: usize) -> Self {
        Self {
            start: start.cast(),
            length,
            memory: PhantomData,
        }
    }

    /// Returns the number of bytes.
    #[inline]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Returns whether there are no bytes.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Returns the bytes from an offset on; `None` if it is beyond the end.
    #[inline]
    pub fn skip(&self, offset: usize) -> Option<Self> {
        let length = self.length.checked_sub(offset)?;
        let start = self.start.wrapping_add(offset);
        Some(Self {
            start,
            length,
            ..*self
        })
    }

    /// Returns the first `length` bytes; `None` if there are fewer.
    #[inline]
    pub fn first(&self, length: usize) -> Option<Self> {
        (length <= self.length).then_some(Self { length, ..*self })
    }

    /// Returns the byte at an offset; `None` if it is beyond the end.
    #[inline]
    pub fn u8(&self, offset: usize) -> Option<u8> {
        self.load(offset)
    }

    integers! {
        u16: u16_be u16_le;
        u32: u32_be u32_le;
        u64: u64_be u64_le;
    }

    /// Copies the bytes from an offset on to `to`. Returns `None`, and leaves `to` unchanged, if there are too few bytes.
    #[inline]
    pub fn copy(&self, offset: usize, to: &mut [u8]) -> Option<()> {
        let from = self.skip(offset)?.first(to.len())?.start;
        for (index, byte) in to.iter_mut().enumerate() {
            // SAFETY: `index` is less than `to.len()`, and there are that many bytes.
            *byte = unsafe { load(from.wrapping_add(index)) };
        }
        Some(())
    }

    /// Loads an integer, once.
    #[inline]
    fn load<T: Word + Integer>(&self, offset: usize) -> Option<T> {
        let place = self.skip(offset)?.first(size_of::<T>())?.start;
        // SAFETY: the integer is within the bytes, and any bytes are an integer.
        Some(unsafe { load(place) })
    }
}

/// An integer type, for which any bytes are valid.
trait Integer {}

impl Integer for u8 {}
impl Integer for u16 {}
impl Integer for u32 {}
impl Integer for u64 {}

#[cfg(test)]
mod tests {
    use super::*;

    static MEMORY: [u8; 9] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

    fn bytes() -> Bytes<'static> {
        // SAFETY: a static lives for ever.
        unsafe { Bytes::new(MEMORY.as_ptr().cast(), MEMORY.len()) }
    }

    #[test]
    fn integers_are_read_in_both_byte_orders() {
        let bytes = bytes();
        assert_eq!(bytes.u8(8), Some(9));
        assert_eq!(bytes.u16_be(1), Some(0x0203));
        assert_eq!(bytes.u16_le(1), Some(0x0302));
        assert_eq!(bytes.u32_be(1), Some(0x0203_0405));
        assert_eq!(bytes.u32_le(1), Some(0x0504_0302));
        assert_eq!(bytes.u64_be(1), Some(0x0203_0405_0607_0809));
        assert_eq!(bytes.u64_le(1), Some(0x0908_0706_0504_0302));
    }

    #[test]
    fn nothing_beyond_the_end_is_read() {
        let bytes = bytes();
        assert_eq!(bytes.u8(9), None);
        assert_eq!(bytes.u16_be(8), None);
        assert_eq!(bytes.u32_le(6), None);
        assert_eq!(bytes.u64_be(2), None);
        assert_eq!(bytes.u64_be(usize::MAX), None);
        assert_eq!(bytes.u8(usize::MAX), None);
        assert!(bytes.skip(10).is_none());
        assert!(bytes.first(10).is_none());
        let part = bytes.skip(2).and_then(|rest| rest.first(2));
        assert_eq!(part.and_then(|part| part.u16_be(0)), Some(0x0304));
        assert_eq!(part.and_then(|part| part.u8(2)), None);
        // SAFETY: the length is 0.
        let none = unsafe { Bytes::new(core::ptr::null(), 0) };
        assert!(none.is_empty());
        assert_eq!(none.u8(0), None);
        assert_eq!(none.copy(0, &mut []), Some(()));
    }

    #[test]
    fn copies_are_all_or_nothing() {
        let mut to = [0; 3];
        assert_eq!(bytes().copy(7, &mut to), None);
        assert_eq!(to, [0; 3]);
        assert_eq!(bytes().copy(6, &mut to), Some(()));
        assert_eq!(to, [7, 8, 9]);
        assert_eq!(bytes().copy(usize::MAX, &mut to), None);
    }
}
