// SPDX-License-Identifier: GPL-2.0-only

//! The arguments of a `proc_handler`, which reads and writes a file in `/proc/sys`.
//!
//! ```
//! use klp::prelude::*;
//! use klp::sysctl::{Buffer, IntTable, Length, Position};
//! use klp::{capable, Capability};
//!
//! /// Requires a capability for writing.
//! #[livepatch(object = "vmlinux", replaces = "proc_dointvec_minmax_sysadmin",
//!             description = "Checks a capability", license = "GPL")]
//! fn sysadmin(
//!     table: &IntTable,
//!     write: c_int,
//!     buffer: Buffer<'_>,
//!     length: Length<'_>,
//!     position: Position<'_>,
//! ) -> Result {
//!     if write != 0 && !capable(Capability::SYS_ADMIN) {
//!         return Err(EPERM);
//!     }
//!     table.in_range(write, buffer, length, position)
//! }
//! # fn main() {}
//! ```
//!
//! The five arguments are those of every `proc_handler`:
//!
//! | C | Rust |
//! | --- | --- |
//! | `const struct ctl_table *table` | [`&IntTable`](IntTable) |
//! | `int write` | `c_int`, 0 when the file is read |
//! | `void *buffer` | [`Buffer`] |
//! | `size_t *lenp` | [`Length`] |
//! | `loff_t *ppos` | [`Position`] |

use crate::abi::{CAbi, Call, FromC, ToOriginal};
use crate::layout::KernelStruct;
use crate::platform::{self, bindings, Result};
use crate::signature::Claim;
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::marker::PhantomData;

/// C's `struct ctl_table` of a file with integers.
///
/// This type claims that `data` is one or more C `int`s, and that `extra1` and `extra2`, if not `NULL`, point to
/// the minimum and maximum. That holds for the handlers `proc_dointvec`, `proc_dointvec_minmax`, and their callers.
#[repr(transparent)]
pub struct IntTable(UnsafeCell<bindings::ctl_table>);

// SAFETY: transparent over a cell of the C structure, and safe code cannot create one.
unsafe impl KernelStruct for IntTable {
    const NAME: &'static str = "ctl_table";
    const CLAIM: Claim = Claim::Ints;
}

/// The buffer of a handler: the written text, or space for the text that is read.
pub struct Buffer<'call>(*mut c_void, PhantomData<&'call mut ()>);

/// The length of the buffer. The handler updates it to the number of bytes that it used.
pub struct Length<'call>(*mut usize, PhantomData<&'call mut usize>);

/// The position in the file. The handler updates it to the next position.
pub struct Position<'call>(*mut i64, PhantomData<&'call mut i64>);

macro_rules! pointers {
    ($($type:ident: *mut $target:ty;)*) => {$(
        impl CAbi for $type<'_> {
            type C = *mut $target;
            const CLAIM: Claim = Claim::Handler;
        }

        impl<'call> FromC<'call> for $type<'call> {
            #[inline(always)]
            unsafe fn from_c(c: *mut $target, _call: &'call Call) -> Self {
                Self(c, PhantomData)
            }
        }

        impl ToOriginal for $type<'_> {
            #[inline(always)]
            fn to_original(self) -> *mut $target {
                self.0
            }
        }
    )*};
}

pointers! {
    Buffer: *mut c_void;
    Length: *mut usize;
    Position: *mut i64;
}

impl Length<'_> {
    /// Returns the number of bytes.
    ///
    /// ```
    /// use klp::prelude::*;
    /// use klp::sysctl::{Length, Position};
    ///
    /// fn check(length: &Length<'_>, position: &Position<'_>) -> Result {
    ///     if length.get() > 64 || position.get() != 0 {
    ///         return Err(EINVAL);
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[inline]
    pub fn get(&self) -> usize {
        // SAFETY: the caller of the handler passed a valid pointer, for this call only.
        unsafe { *self.0 }
    }
}

impl Position<'_> {
    /// Returns the offset from the beginning of the file.
    #[inline]
    pub fn get(&self) -> i64 {
        // SAFETY: the caller of the handler passed a valid pointer, for this call only.
        unsafe { *self.0 }
    }
}

/// C's `proc_handler`.
type Handler = unsafe extern "C" fn(
    *const bindings::ctl_table,
    c_int,
    *mut c_void,
    *mut usize,
    *mut i64,
) -> c_int;

impl IntTable {
    /// Reads or writes the integers without a range check, as `proc_dointvec()`.
    ///
    /// ```
    /// use klp::prelude::*;
    /// use klp::sysctl::{Buffer, IntTable, Length, Position};
    ///
    /// fn read_only(table: &IntTable, write: c_int, buffer: Buffer<'_>, length: Length<'_>,
    ///              position: Position<'_>) -> Result {
    ///     if write != 0 {
    ///         return Err(EPERM);
    ///     }
    ///     table.any(write, buffer, length, position)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// `EINVAL`: the written text is not a number.
    #[inline]
    pub fn any(
        &self,
        write: c_int,
        buffer: Buffer<'_>,
        length: Length<'_>,
        position: Position<'_>,
    ) -> Result {
        self.handle(bindings::proc_dointvec, write, buffer, length, position)
    }

    /// Reads or writes the integers, which have to be within the minimum and maximum, as `proc_dointvec_minmax()`. The
    /// [module](self) has an example.
    ///
    /// # Errors
    ///
    /// `EINVAL`: the written text is not a number, or out of range.
    #[inline]
    pub fn in_range(
        &self,
        write: c_int,
        buffer: Buffer<'_>,
        length: Length<'_>,
        position: Position<'_>,
    ) -> Result {
        self.handle(
            bindings::proc_dointvec_minmax,
            write,
            buffer,
            length,
            position,
        )
    }

    #[inline]
    fn handle(
        &self,
        handler: Handler,
        write: c_int,
        buffer: Buffer<'_>,
        length: Length<'_>,
        position: Position<'_>,
    ) -> Result {
        // SAFETY: a table of ints, as the type claims; the kernel passed the other arguments to the
        // replaced handler. They are moved into this call, so a second call cannot use the buffer
        // with the length and position that the first one updated.
        platform::to_result(unsafe { handler(self.0.get(), write, buffer.0, length.0, position.0) })
    }
}
