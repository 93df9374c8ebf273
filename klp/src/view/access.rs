// SPDX-License-Identifier: GPL-2.0-only

//! Loads and stores of members: one access each, at any alignment.

#[cfg(not(miri))]
use crate::arch::{LoadWord as _, StoreWord as _};
use core::ptr;

/// A type that one instruction loads or stores.
pub trait Word: Copy {
    /// Loads a value by one instruction, at any alignment.
    ///
    /// # Safety
    ///
    /// As for [`load`].
    #[doc(hidden)]
    unsafe fn load(place: *const u8) -> Self;

    /// Stores the value by one instruction, at any alignment.
    ///
    /// # Safety
    ///
    /// As for [`store`].
    #[doc(hidden)]
    unsafe fn store(self, place: *mut u8);
}

/// A value with alignment 1.
#[cfg(miri)]
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Packed<T>(T);

/// Loads a value, once, at any alignment.
///
/// # Safety
///
/// `place` is readable for the size of `T`, and its bytes are a value of `T`.
#[inline(always)]
pub(crate) unsafe fn load<T: Word>(place: *const u8) -> T {
    // SAFETY: the caller guarantees that `place` is valid.
    unsafe { T::load(place) }
}

/// Loads a pointer, once. Reads through the pointer are ordered after the load, as with `rcu_dereference()`.
///
/// # Safety
///
/// `place` is readable for the size of a pointer.
#[inline(always)]
pub unsafe fn load_pointer(place: *const u8) -> *const u8 {
    // SAFETY: any bytes are an address, and the caller guarantees that `place` is readable.
    unsafe { load::<*const u8>(place) }
}

/// Stores a value, once, at any alignment.
///
/// # Safety
///
/// `place` is writable for the size of `T`.
#[inline(always)]
pub(crate) unsafe fn store<T: Word>(place: *mut u8, value: T) {
    // SAFETY: the caller guarantees that `place` is valid.
    unsafe { value.store(place) };
}

macro_rules! words {
    ($($type:ty)*) => {$(
        impl Word for $type {
            #[inline(always)]
            unsafe fn load(place: *const u8) -> Self {
                #[cfg(not(miri))]
                // SAFETY: the caller guarantees that `place` is valid.
                unsafe {
                    Self::load_word(place)
                }
                // Miri does not support inline assembly.
                #[cfg(miri)]
                // SAFETY: the caller guarantees that `place` is valid.
                unsafe {
                    ptr::read_volatile(place.cast::<Packed<Self>>()).0
                }
            }

            #[inline(always)]
            unsafe fn store(self, place: *mut u8) {
                // A volatile write of a packed type would be copied through the stack first. Miri does not support
                // inline assembly.
                #[cfg(not(miri))]
                // SAFETY: the caller guarantees that `place` is valid.
                unsafe {
                    self.store_word(place);
                }
                #[cfg(miri)]
                // SAFETY: the caller guarantees that `place` is valid.
                unsafe {
                    ptr::write_volatile(place.cast::<Packed<Self>>(), Packed(self));
                }
            }
        }
    )*};
}

words! { u8 i8 u16 i16 u32 i32 u64 i64 usize isize }

impl<T> Word for *mut T {
    #[inline(always)]
    unsafe fn load(place: *const u8) -> Self {
        #[cfg(not(miri))]
        // SAFETY: any bytes are an address, and the caller guarantees that `place` is readable. Whoever stored a
        // pointer there exposed its provenance, or is C.
        unsafe {
            ptr::with_exposed_provenance_mut(usize::load(place))
        }
        // Without assembly, the provenance is kept by reading a pointer.
        #[cfg(miri)]
        // SAFETY: the caller guarantees that `place` is valid.
        unsafe {
            ptr::read_volatile(place.cast::<Packed<Self>>()).0
        }
    }

    #[inline(always)]
    unsafe fn store(self, place: *mut u8) {
        #[cfg(not(miri))]
        // SAFETY: as for an integer. The provenance is exposed, because C may dereference the pointer.
        unsafe {
            self.expose_provenance().store(place);
        }
        // Without assembly, the provenance is kept by writing a pointer.
        #[cfg(miri)]
        // SAFETY: the caller guarantees that `place` is valid.
        unsafe {
            ptr::write_volatile(place.cast::<Packed<Self>>(), Packed(self));
        }
    }
}

impl<T> Word for *const T {
    #[inline(always)]
    unsafe fn load(place: *const u8) -> Self {
        // SAFETY: guaranteed by the caller.
        unsafe { <*mut T>::load(place) }
    }

    #[inline(always)]
    unsafe fn store(self, place: *mut u8) {
        // SAFETY: guaranteed by the caller.
        unsafe { self.cast_mut().store(place) };
    }
}

/// The storage unit of a bit-field: the integer that is loaded and stored.
pub trait Unit: Word {
    /// Zero-extends the unit.
    fn widen(self) -> u64;
    /// Truncates to the unit's size.
    fn truncate(wide: u64) -> Self;
}

macro_rules! units {
    ($($type:ident)*) => {$(
        impl Unit for $type {
            #[inline(always)]
            fn widen(self) -> u64 {
                u64::from(self)
            }

            #[inline(always)]
            fn truncate(wide: u64) -> Self {
                // CAST: the bits above the unit belong to no member.
                wide as Self
            }
        }
    )*};
}

units! { u8 u16 u32 u64 }

/// The type of a bit-field in C.
pub enum BitsOf {
    /// `bool`.
    Bool,
    /// An integer.
    Integer {
        /// Whether the type is signed.
        signed: bool,
    },
    /// An enumeration.
    Enum,
}

/// A type of a view's member that is a bit-field in C.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a bit-field",
    label = "not a bit-field type",
    note = "write `bool` for a single bit, or an integer"
)]
pub trait Bits: Sized {
    /// The number of bits that the type can hold.
    #[doc(hidden)]
    const ROOM: u32;
    /// Whether the type is signed; `None` for `bool`.
    #[doc(hidden)]
    const SIGNED: Option<bool>;

    /// Converts from the lowest `count` bits. All others are zero.
    #[doc(hidden)]
    fn from_bits(bits: u64, count: u32) -> Self;

    /// Converts to bits. The caller masks those above the bit-field.
    #[doc(hidden)]
    fn into_bits(self) -> u64;
}

impl Bits for bool {
    const ROOM: u32 = 1;
    const SIGNED: Option<bool> = None;

    #[inline(always)]
    fn from_bits(bits: u64, _count: u32) -> Self {
        bits != 0
    }

    #[inline(always)]
    fn into_bits(self) -> u64 {
        u64::from(self)
    }
}

macro_rules! bits {
    ($($signed:literal: $($type:ty)*;)*) => {$($(
        impl Bits for $type {
            const ROOM: u32 = Self::BITS;
            const SIGNED: Option<bool> = Some($signed);

            #[inline(always)]
            fn from_bits(bits: u64, count: u32) -> Self {
                // CAST: `count` bits fit. For a signed type, the highest of them is the sign.
                if $signed {
                    let unused = u64::BITS - count;
                    ((bits << unused) as i64 >> unused) as Self
                } else {
                    bits as Self
                }
            }

            #[inline(always)]
            fn into_bits(self) -> u64 {
                // CAST: the bits of the sign extension are masked by the caller.
                self as u64
            }
        }
    )*)*};
}

bits! {
    false: u8 u16 u32 u64 usize;
    true: i8 i16 i32 i64 isize;
}

/// Returns whether `T` can hold all values of a bit-field of `count` bits.
pub const fn fits_bits<T: Bits>(of: &BitsOf, count: u32) -> bool {
    match (of, T::SIGNED) {
        (BitsOf::Bool, None) => true,
        (BitsOf::Bool, Some(_)) => false,
        (_, None) => count == 1,
        (BitsOf::Integer { signed }, Some(own)) => *signed == own && count <= T::ROOM,
        (BitsOf::Enum, Some(_)) => count <= T::ROOM,
    }
}

/// Reads a bit-field of `count` bits, which begins at bit `first` of the unit at `place`.
///
/// # Safety
///
/// `place` is readable for the size of `U`.
#[inline(always)]
pub unsafe fn read_bits<T: Bits, U: Unit>(place: *const u8, first: u32, count: u32) -> T {
    // SAFETY: any bytes are an integer, and the caller guarantees that `place` is readable.
    let unit: U = unsafe { load(place) };
    T::from_bits(unit.widen() >> first & mask(count), count)
}

/// Writes a bit-field. As in C, this reads and writes its whole unit: the other bit-fields in it must not change
/// meanwhile.
///
/// # Safety
///
/// `place` is readable and writable for the size of `U`.
#[inline(always)]
pub unsafe fn write_bits<T: Bits, U: Unit>(place: *mut u8, first: u32, count: u32, value: T) {
    // SAFETY: any bytes are an integer, and the caller guarantees that `place` is readable.
    let unit: U = unsafe { load(place) };
    let others = unit.widen() & !(mask(count) << first);
    let this = (value.into_bits() & mask(count)) << first;
    // SAFETY: the caller guarantees that `place` is valid.
    unsafe { store(place, U::truncate(others | this)) };
}

#[inline(always)]
const fn mask(count: u32) -> u64 {
    u64::MAX >> (u64::BITS - count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_accessed_at_any_alignment() {
        let mut bytes = [0_u8; 24];
        let first = (&raw mut bytes).cast::<u8>();
        for place in (0..8).map(|at| first.wrapping_add(at)) {
            // SAFETY: within the array.
            unsafe {
                store(place, 0x0102_0304_0506_0708_u64);
                assert_eq!(load::<u64>(place), 0x0102_0304_0506_0708);
                assert_eq!(load::<u16>(place), 0x0708);
                store(place, -2_i32);
                assert_eq!(load::<i32>(place), -2);
                assert_eq!(load::<u64>(place) >> 32, 0x0102_0304);
                store(place, 0x7f_u8);
                assert_eq!(load::<u16>(place), 0xff7f);
                store(place, 0x1234_u16);
                assert_eq!(load::<u32>(place), 0xffff_1234);
                store(place, place);
                assert_eq!(load::<*mut u8>(place), place);
            }
        }
    }

    #[test]
    fn bit_fields_keep_adjacent_bits() {
        let mut bytes = [0xff_u8, 0xff, 0xff, 0xff];
        let place = (&raw mut bytes).cast::<u8>().wrapping_add(1);
        // SAFETY: within the array.
        unsafe {
            write_bits::<u8, u16>(place, 6, 3, 0b010);
            assert_eq!(read_bits::<u8, u16>(place, 6, 3), 2);
            assert_eq!(read_bits::<i8, u16>(place, 6, 3), 2);
            assert_eq!(read_bits::<i32, u16>(place, 9, 4), -1);
            assert!(!read_bits::<bool, u8>(place, 6, 1));
            assert!(read_bits::<bool, u8>(place, 7, 1));
            // A value that does not fit is truncated, as in C.
            write_bits::<u32, u16>(place, 6, 3, 0xff);
        }
        assert_eq!(bytes, [0xff; 4]);
    }

    #[test]
    fn bit_fields_need_a_type_of_their_sign_and_size() {
        let unsigned = BitsOf::Integer { signed: false };
        let signed = BitsOf::Integer { signed: true };
        assert!(fits_bits::<u8>(&unsigned, 8) && !fits_bits::<u8>(&unsigned, 9));
        assert!(!fits_bits::<i8>(&unsigned, 3) && fits_bits::<i8>(&signed, 3));
        assert!(fits_bits::<bool>(&unsigned, 1) && !fits_bits::<bool>(&unsigned, 2));
        assert!(fits_bits::<bool>(&BitsOf::Bool, 1) && !fits_bits::<u8>(&BitsOf::Bool, 1));
        assert!(fits_bits::<i16>(&BitsOf::Enum, 4) && fits_bits::<u16>(&BitsOf::Enum, 4));
    }

    #[test]
    fn a_bit_field_may_fill_its_unit() {
        let mut bytes = [0_u8; 8];
        let place = (&raw mut bytes).cast();
        // SAFETY: within the array.
        unsafe {
            write_bits::<i64, u64>(place, 0, 64, -5);
            assert_eq!(read_bits::<i64, u64>(place, 0, 64), -5);
            assert_eq!(read_bits::<i32, u32>(place, 0, 32), -5);
        }
    }
}
