// SPDX-License-Identifier: GPL-2.0-only

//! [`InOut`], a pointer to an integer that a C function reads and writes.

use super::{is_none, CAbi, Call, FromC, ToOriginal};
use crate::signature::Claim;
use crate::view::access::{load, store};
use core::marker::PhantomData;
use core::ptr::{self, NonNull};
use sealed::Integer;

mod sealed {
    use crate::signature::{Claim, Raw};
    use crate::view::access::Word;

    /// The target of an `InOut`.
    #[diagnostic::on_unimplemented(
        message = "`InOut<'_, {Self}>` does not point to an integer",
        label = "not a C integer",
        note = "write `&T` for a structure that is declared with `#[kernel_struct]`, and a raw pointer such as `*mut {Self}` for anything else"
    )]
    pub trait Integer: Word + Raw {
        /// The integer's size and sign.
        const CLAIM: Claim;
    }
}

/// A C pointer to an integer, such as `loff_t *` or `size_t *`, that is never `NULL`.
///
/// `Option<InOut<'_, T>>` may be `NULL`. The size and sign of `T` have to be those of the C type.
///
/// Each [`read`](Self::read) and [`write`](Self::write) is one volatile access. Copies point to the same integer, so
/// one can be passed to `original` and another one read afterwards.
///
/// It points to kernel memory. Take a `__user` pointer as a raw one, and access it through `UserSlice`.
///
/// ```
/// use klp::prelude::*;
///
/// /// Always ends at the first page.
/// #[livepatch(object = "vmlinux", replaces = "some_read", description = "A fix", license = "GPL")]
/// fn some_read(_file: &File, _buffer: *mut c_char, _count: usize, position: InOut<'_, i64>) -> Result<usize> {
///     if position.read() < 0 {
///         return Err(EINVAL);
///     }
///     position.write(4096);
///     Ok(0)
/// }
/// # fn main() {}
/// ```
pub struct InOut<'call, T: Integer>(NonNull<T>, PhantomData<&'call T>);

impl<T: Integer> Clone for InOut<'_, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Integer> Copy for InOut<'_, T> {}

impl<T: Integer> InOut<'_, T> {
    /// Reads the integer, once.
    #[inline(always)]
    pub fn read(self) -> T {
        // SAFETY: C passed a pointer to such an integer, which is valid during the call. Any bytes
        // are an integer.
        unsafe { load(self.0.as_ptr().cast_const().cast()) }
    }

    /// Writes the integer, once.
    #[inline(always)]
    pub fn write(self, value: T) {
        // SAFETY: as for reading. For a pointer to `const`, the macro reports an error.
        unsafe { store(self.0.as_ptr().cast(), value) };
    }
}

impl<T: Integer> CAbi for InOut<'_, T> {
    type C = *mut T;
    const CLAIM: Claim = T::CLAIM;
}

impl<'call, T: Integer> FromC<'call> for InOut<'call, T> {
    #[inline(always)]
    unsafe fn from_c(c: *mut T, _call: &'call Call) -> Self {
        // SAFETY: the caller guarantees that it is not `NULL`.
        Self(unsafe { NonNull::new_unchecked(c) }, PhantomData)
    }
}

impl<T: Integer> ToOriginal for InOut<'_, T> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        self.0.as_ptr()
    }
}

impl<T: Integer> CAbi for Option<InOut<'_, T>> {
    type C = *mut T;
    const CLAIM: Claim = T::CLAIM;
}

impl<'call, T: Integer> FromC<'call> for Option<InOut<'call, T>> {
    #[inline(always)]
    unsafe fn from_c(c: *mut T, call: &'call Call) -> Self {
        if is_none(c) {
            return None;
        }
        // SAFETY: not `NULL` and not an `ERR_PTR()`; the caller guarantees the rest.
        Some(unsafe { FromC::from_c(c, call) })
    }
}

impl<T: Integer> ToOriginal for Option<InOut<'_, T>> {
    #[inline(always)]
    fn to_original(self) -> *mut T {
        self.map_or(ptr::null_mut(), ToOriginal::to_original)
    }
}

macro_rules! integers {
    ($($signed:literal: $($type:ty)*;)*) => {$($(
        impl Integer for $type {
            const CLAIM: Claim = Claim::Place { signed: $signed, size: size_of::<$type>() };
        }
    )*)*};
}

integers! {
    false: u8 u16 u32 u64 usize;
    true: i8 i16 i32 i64 isize;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_read_back_from_memory() {
        let call = Call::new();
        let mut position = 7_i64;
        // SAFETY: it points to an integer that outlives the call.
        let place: InOut<'_, i64> = unsafe { FromC::from_c(&raw mut position, &call) };
        let copy = place;
        assert_eq!(place.read(), 7);
        copy.write(-1);
        assert_eq!(place.read(), -1);
        assert_eq!(place.to_original(), &raw mut position);
        assert_eq!(Some(place).to_original(), &raw mut position);
        assert_eq!(position, -1);
    }

    #[test]
    fn writes_stay_within_the_integer() {
        let call = Call::new();
        let mut bytes = [0_u16; 3];
        // SAFETY: as above.
        let place: InOut<'_, u16> = unsafe { FromC::from_c(&raw mut bytes[1], &call) };
        place.write(u16::MAX);
        assert_eq!(bytes, [0, u16::MAX, 0]);
    }

    #[test]
    fn null_and_error_pointers_are_none() {
        let call = Call::new();
        for address in [0, usize::MAX - 21] {
            let c = ptr::without_provenance_mut::<u32>(address);
            // SAFETY: nothing is read through it.
            let none: Option<InOut<'_, u32>> = unsafe { FromC::from_c(c, &call) };
            assert!(none.is_none(), "{address:#x}");
        }
        assert!(None::<InOut<'_, u32>>.to_original().is_null());
    }
}
