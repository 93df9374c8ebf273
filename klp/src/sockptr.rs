// SPDX-License-Identifier: GPL-2.0-only

//! C's `sockptr_t`: a pointer to a socket option in user or kernel memory.
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
use crate::signature::{CType, Pointee, Raw, Shape, Target, TargetOf};
use crate::view::access::store;
use core::ffi::c_void;
use core::marker::PhantomData;

/// C's `sockptr_t`, passed by value. The macro compares its size with the kernel's.
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
    /// Returns the pointer, for `UserSlice`, if it points to user memory.
    ///
    /// ```
    /// use klp::prelude::*;
    /// use klp::sockptr::SockPtr;
    ///
    /// fn first(option: SockPtr<'_>) -> Result<u8> {
    ///     let user = option.user().ok_or(EINVAL)?;
    ///     UserSlice::new(user, 1).reader().read()
    /// }
    /// ```
    #[inline]
    pub fn user(self) -> Option<UserPtr> {
        (!self.is_kernel()).then(|| UserPtr::from_addr(self.pointer.addr()))
    }

    /// Returns whether it points to kernel memory.
    #[inline]
    pub const fn is_kernel(self) -> bool {
        self.flags & 1 != 0
    }

    /// Returns the option for writing, with the length that C passes as another argument.
    ///
    /// ```
    /// use klp::prelude::*;
    /// use klp::sockptr::SockPtr;
    ///
    /// fn get(option: SockPtr<'_>, length: u32, value: i32) -> Result {
    ///     // SAFETY: callers pass the length of the option.
    ///     unsafe { option.with_room(length as usize) }.write_i32(value)
    /// }
    /// ```
    ///
    /// # Safety
    ///
    /// If the pointer is to kernel memory, `length` bytes are writable during the call. Accesses to user memory are
    /// checked.
    #[inline]
    pub const unsafe fn with_room(self, length: usize) -> SockBuffer<'call> {
        SockBuffer {
            option: self,
            length,
        }
    }

    /// Returns the option for reading, with the length that C passes as another argument.
    ///
    /// ```
    /// use klp::prelude::*;
    /// use klp::sockptr::SockPtr;
    ///
    /// fn set(option: SockPtr<'_>, length: u32) -> Result<i32> {
    ///     // SAFETY: callers pass the length of the option.
    ///     unsafe { option.with_len(length as usize) }.read_i32()
    /// }
    /// ```
    ///
    /// # Safety
    ///
    /// If the pointer is to kernel memory, `length` bytes are readable during the call. Accesses to user memory are
    /// checked.
    #[inline]
    pub unsafe fn with_len(self, length: usize) -> SockData<'call> {
        match self.user() {
            Some(user) => SockData::User(user, length),
            // SAFETY: guaranteed by the caller.
            None => SockData::Kernel(unsafe { Bytes::new(self.pointer, length) }),
        }
    }
}

/// The target of a [`SockPtr`], for writing. [`SockPtr::with_room`] returns it.
#[derive(Clone, Copy)]
pub struct SockBuffer<'call> {
    option: SockPtr<'call>,
    length: usize,
}

impl SockBuffer<'_> {
    /// Returns the number of bytes that can be written.
    #[inline]
    pub const fn len(self) -> usize {
        self.length
    }

    /// Returns whether no byte can be written.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.length == 0
    }

    /// Copies `from` to the beginning of the option, as C's `copy_to_sockptr()`.
    ///
    /// # Errors
    ///
    /// `EINVAL`: `from` is too long, and nothing is written. `EFAULT`: the user memory is not accessible.
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
            // SAFETY: the caller of `with_room()` guarantees as many bytes as in `from`.
            unsafe { store(start.wrapping_add(index), *byte) };
        }
        Ok(())
    }

    /// Writes an `i32` to the beginning of the option.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[inline]
    pub fn write_i32(self, value: i32) -> Result {
        self.write(&value.to_ne_bytes())
    }

    /// Writes a `u64` to the beginning of the option.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    #[inline]
    pub fn write_u64(self, value: u64) -> Result {
        self.write(&value.to_ne_bytes())
    }
}

/// The target of a [`SockPtr`], for reading. [`SockPtr::with_len`] returns it.
#[derive(Clone, Copy)]
pub enum SockData<'call> {
    /// User memory, which may change at any time, with its length.
    User(UserPtr, usize),
    /// Kernel memory.
    Kernel(Bytes<'call>),
}

macro_rules! integers {
    ($($type:ident: $read:ident;)*) => {$(
        #[doc = concat!("Reads the `", stringify!($type), "` at the beginning of the option.")]
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
    /// Returns the length of the option.
    #[inline]
    pub const fn len(self) -> usize {
        match self {
            Self::User(_, length) => length,
            Self::Kernel(bytes) => bytes.len(),
        }
    }

    /// Returns whether the option has no bytes.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Copies the beginning of the option to `to`.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the option is shorter. `EFAULT`: the user memory is not accessible.
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

// The only structure that is passed by value and is not a view: a copy is not shared with C.

impl TargetOf<SockPtr<'_>> for SockPtr<'_> {}
impl Raw for SockPtr<'_> {}

impl CType for SockPtr<'_> {
    const SHAPE: Shape = Shape::Aggregate;
    type Target = Self;
}

impl Pointee for SockPtr<'_> {
    const TARGET: Target = Target::Named("sockptr_t");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errno::EFAULT;

    /// Returns an option as C passes it, with arbitrary padding.
    fn option(pointer: *mut i32, is_kernel: bool) -> SockPtr<'static> {
        SockPtr {
            pointer: pointer.cast(),
            flags: 0xdead_beee | u64::from(is_kernel),
            memory: PhantomData,
        }
    }

    #[test]
    fn a_sockptr_has_two_words() {
        assert_eq!(size_of::<SockPtr<'_>>(), 16);
    }

    #[test]
    fn kernel_memory_is_read_within_its_length() {
        let mut value = -7_i32;
        let option = option(&raw mut value, true);
        assert!(option.is_kernel() && option.user().is_none());
        // SAFETY: the target has four bytes.
        let data = unsafe { option.with_len(4) };
        assert_eq!(data.len(), 4);
        assert_eq!(data.read_i32(), Ok(-7));
        assert_eq!(data.read_u8(), Ok(value.to_ne_bytes()[0]));
        assert_eq!(data.read_u64(), Err(EINVAL));
        // SAFETY: the length is 0.
        let empty = unsafe { option.with_len(0) };
        assert!(empty.is_empty());
        assert_eq!(empty.read_u8(), Err(EINVAL));
    }

    #[test]
    fn kernel_memory_is_written_within_its_length() {
        let mut values = [1_i32, 2];
        let option = option(values.as_mut_ptr(), true);
        // SAFETY: the target has eight bytes.
        let room = unsafe { option.with_room(4) };
        assert!(room.len() == 4 && !room.is_empty());
        assert_eq!(room.write_u64(0), Err(EINVAL));
        assert_eq!(room.write_i32(-9), Ok(()));
        assert_eq!(values, [-9, 2]);
    }

    /// On the host, copies from and to user memory fail, and the pointers are not dereferenced.
    #[test]
    fn user_memory_is_copied_by_user_slice() {
        let option = option(core::ptr::without_provenance_mut(16), false);
        assert!(!option.is_kernel() && option.user().is_some());
        // SAFETY: a pointer to user memory.
        let data = unsafe { option.with_len(4) };
        assert_eq!(data.read_i32(), Err(EFAULT));
        assert_eq!(data.read_i64(), Err(EINVAL));
        // SAFETY: a pointer to user memory.
        let room = unsafe { option.with_room(4) };
        assert_eq!(room.write_i32(1), Err(EFAULT));
    }
}
