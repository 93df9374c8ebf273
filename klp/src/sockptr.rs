// SPDX-License-Identifier: GPL-2.0-only

//! Options of sockets: C's `sockptr_t`, a pointer to the memory of user space or the kernel.
//!
//! ```
//! use klp::prelude::*;
//! use klp::sockptr::SockPtr;
//!
//! #[livepatch(object = "vmlinux", replaces = "some_setsockopt", description = "A fix", license = "GPL")]
//! fn some_setsockopt(level: i32, option: SockPtr<'_>, length: u32) -> Result<i32> {
//!     // SAFETY: callers pass the length of the option.
//!     let data = unsafe { option.with_len(length as usize) };
//!     if data.read_i32()? < 0 {
//!         return Err(EINVAL);
//!     }
//!     original(level, option, length)
//! }
//! # fn main() {}
//! ```

use crate::abi::{CAbi, Call, FromC, ToOriginal};
use crate::bytes::Bytes;
use crate::errno::EINVAL;
use crate::platform::prelude::UserSlice;
use crate::platform::{Result, UserPtr};
use crate::view::access::store;
use core::ffi::c_void;
use core::marker::PhantomData;

/// C's `sockptr_t`, by value: two words, as in C. The macro compares the size with the kernel's.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SockPtr<'call> {
    pointer: *mut c_void,
    /// The lowest bit is C's `is_kernel`; the others are padding, which C does not set.
    flags: u64,
    memory: PhantomData<&'call u8>,
}

impl CAbi for SockPtr<'_> {
    type C = Self;
}

impl<'call> FromC<'call> for SockPtr<'call> {
    #[inline(always)]
    unsafe fn from_c(c: Self, _call: &'call Call) -> Self {
        c
    }
}

impl ToOriginal for SockPtr<'_> {
    #[inline(always)]
    fn to_original(self) -> Self {
        self
    }
}

impl<'call> SockPtr<'call> {
    /// The pointer when it is one of user space, for `UserSlice`.
    #[inline]
    pub fn user(self) -> Option<UserPtr> {
        (!self.is_kernel()).then(|| UserPtr::from_addr(self.pointer.addr()))
    }

    /// Whether it points to the kernel's memory.
    #[inline]
    pub const fn is_kernel(self) -> bool {
        self.flags & 1 != 0
    }

    /// Room for an option, whose length C passes as another argument, to be written.
    ///
    /// # Safety
    ///
    /// Where the pointer is the kernel's, so many bytes can be written there during the call. Of user space
    /// nothing is relied on.
    #[inline]
    pub const unsafe fn with_room(self, length: usize) -> SockBuffer<'call> {
        SockBuffer {
            option: self,
            length,
        }
    }

    /// The option, whose length C passes as another argument.
    ///
    /// # Safety
    ///
    /// Where the pointer is the kernel's, so many bytes can be read there during the call. Of user space
    /// nothing is relied on.
    #[inline]
    pub unsafe fn with_len(self, length: usize) -> SockData<'call> {
        match self.user() {
            Some(user) => SockData::User(user, length),
            // SAFETY: as the caller vouches.
            None => SockData::Kernel(unsafe { Bytes::new(self.pointer, length) }),
        }
    }
}

/// Where a [`SockPtr`] points to, to be written.
#[derive(Clone, Copy)]
pub struct SockBuffer<'call> {
    option: SockPtr<'call>,
    length: usize,
}

impl SockBuffer<'_> {
    /// How many bytes there is room for.
    #[inline]
    pub const fn len(self) -> usize {
        self.length
    }

    /// Whether there is room for none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Copies `from` to the beginning: C's `copy_to_sockptr()`.
    ///
    /// # Errors
    ///
    /// `EINVAL` when there is not so much room, and then nothing is written. `EFAULT` when user space has no
    /// such memory.
    #[inline]
    pub fn write(self, from: &[u8]) -> Result {
        if from.len() > self.length {
            return Err(EINVAL);
        }
        if let Some(user) = self.option.user() {
            return UserSlice::new(user, from.len()).writer().write_slice(from);
        }
        let start: *mut u8 = self.option.pointer.cast();
        for (index, byte) in from.iter().enumerate() {
            // SAFETY: there is as much room as in `from`, as `with_room()` was told.
            unsafe { store(start.wrapping_add(index), *byte) };
        }
        Ok(())
    }

    /// Copies an integer there, as C has it in memory.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[inline]
    pub fn write_i32(self, value: i32) -> Result {
        self.write(&value.to_ne_bytes())
    }

    /// The same.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[inline]
    pub fn write_u64(self, value: u64) -> Result {
        self.write(&value.to_ne_bytes())
    }
}

/// What a [`SockPtr`] points to.
#[derive(Clone, Copy)]
pub enum SockData<'call> {
    /// Memory of user space, which may change at any time, and of which nothing is known.
    User(UserPtr, usize),
    /// Memory of the kernel.
    Kernel(Bytes<'call>),
}

macro_rules! integers {
    ($($type:ident: $read:ident;)*) => {$(
        #[doc = concat!("Copies the `", stringify!($type), "` that the option begins with.")]
        ///
        /// # Errors
        ///
        /// As for [`copy`](Self::copy).
        #[inline]
        pub fn $read(self) -> Result<$type> {
            let mut bytes = [0; size_of::<$type>()];
            self.copy(&mut bytes)?;
            Ok($type::from_ne_bytes(bytes))
        }
    )*};
}

impl SockData<'_> {
    /// How many bytes the option has.
    #[inline]
    pub const fn len(self) -> usize {
        match self {
            Self::User(_, length) => length,
            Self::Kernel(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Fills `to` from the option's beginning.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the option is shorter, `EFAULT` when user space has no such memory.
    #[inline]
    pub fn copy(self, to: &mut [u8]) -> Result {
        match self {
            _ if to.len() > self.len() => Err(EINVAL),
            Self::User(user, _) => UserSlice::new(user, to.len()).reader().read_slice(to),
            Self::Kernel(bytes) => bytes.copy(0, to).ok_or(EINVAL),
        }
    }

    integers! {
        u8: read_u8;
        u16: read_u16;
        u32: read_u32;
        u64: read_u64;
        i32: read_i32;
        i64: read_i64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::EFAULT;

    /// As C passes it, with whatever there was in the padding.
    fn option(pointer: *mut i32, is_kernel: bool) -> SockPtr<'static> {
        SockPtr {
            pointer: pointer.cast(),
            flags: 0xdead_beee | u64::from(is_kernel),
            memory: PhantomData,
        }
    }

    #[test]
    fn two_words_are_passed() {
        assert_eq!(size_of::<SockPtr<'_>>(), 16);
    }

    #[test]
    fn the_kernels_memory_is_copied_within_its_length() {
        let mut value = -7_i32;
        let option = option(&raw mut value, true);
        assert!(option.is_kernel() && option.user().is_none());
        // SAFETY: it has four bytes.
        let data = unsafe { option.with_len(4) };
        assert_eq!(data.len(), 4);
        assert_eq!(data.read_i32(), Ok(-7));
        assert_eq!(data.read_u8(), Ok(value.to_ne_bytes()[0]));
        assert_eq!(data.read_u64(), Err(EINVAL));
        // SAFETY: nothing is read.
        let empty = unsafe { option.with_len(0) };
        assert!(empty.is_empty());
        assert_eq!(empty.read_u8(), Err(EINVAL));
    }

    #[test]
    fn the_kernels_memory_is_written_within_its_length() {
        let mut values = [1_i32, 2];
        let option = option(values.as_mut_ptr(), true);
        // SAFETY: it has four bytes and more.
        let room = unsafe { option.with_room(4) };
        assert!(room.len() == 4 && !room.is_empty());
        assert_eq!(room.write_u64(0), Err(EINVAL));
        assert_eq!(room.write_i32(-9), Ok(()));
        assert_eq!(values, [-9, 2]);
    }

    /// There is no user space here, and its pointers are never followed.
    #[test]
    fn user_space_is_asked_for_the_copy() {
        let option = option(core::ptr::without_provenance_mut(16), false);
        assert!(!option.is_kernel() && option.user().is_some());
        // SAFETY: not the kernel's.
        let data = unsafe { option.with_len(4) };
        assert_eq!(data.read_i32(), Err(EFAULT));
        assert_eq!(data.read_i64(), Err(EINVAL));
        // SAFETY: as above.
        let room = unsafe { option.with_room(4) };
        assert_eq!(room.write_i32(1), Err(EFAULT));
    }
}
