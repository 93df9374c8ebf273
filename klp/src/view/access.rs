// SPDX-License-Identifier: GPL-2.0-only

//! Single accesses to memory.

#[cfg(not(miri))]
use crate::arch::{LoadWord as _, StoreWord as _};
use core::ptr;

/// What one instruction loads or stores.
pub trait Word: Copy {
    /// Loads it by one instruction, at any alignment.
    ///
    /// # Safety
    ///
    /// As for [`load`].
    #[doc(hidden)]
    unsafe fn load(place: *const u8) -> Self;

    /// Stores it by one instruction, at any alignment.
    ///
    /// # Safety
    ///
    /// As for [`store`].
    #[doc(hidden)]
    unsafe fn store(self, place: *mut u8);
}

/// A type without alignment.
#[cfg(miri)]
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Packed<T>(T);

/// Loads a value, once, at any alignment.
///
/// # Safety
///
/// The place can be read, and whatever is there is a value of the type.
#[inline(always)]
pub(crate) unsafe fn load<T: Word>(place: *const u8) -> T {
    // SAFETY: the caller vouches for the place.
    unsafe { T::load(place) }
}

/// Loads a pointer, once. What is read through it comes after that, as with `rcu_dereference()`.
///
/// # Safety
///
/// There is one.
#[inline(always)]
pub unsafe fn load_pointer(place: *const u8) -> *const u8 {
    // SAFETY: any bytes are an address, and the caller vouches for the place.
    unsafe { load::<*const u8>(place) }
}

/// Stores a value, once, at any alignment.
///
/// # Safety
///
/// The place can be written.
#[inline(always)]
pub(crate) unsafe fn store<T: Word>(place: *mut u8, value: T) {
    // SAFETY: the caller vouches for the place.
    unsafe { value.store(place) };
}

macro_rules! words {
    ($($type:ty)*) => {$(
        impl Word for $type {
            #[inline(always)]
            unsafe fn load(place: *const u8) -> Self {
                #[cfg(not(miri))]
                // SAFETY: the caller vouches for the place.
                unsafe {
                    Self::load_word(place)
                }
                // Miri knows no assembly.
                #[cfg(miri)]
                // SAFETY: the caller vouches for the place.
                unsafe {
                    ptr::read_volatile(place.cast::<Packed<Self>>()).0
                }
            }

            #[inline(always)]
            unsafe fn store(self, place: *mut u8) {
                // A volatile write of a packed type would go through the stack first. Miri knows no assembly.
                #[cfg(not(miri))]
                // SAFETY: the caller vouches for the place.
                unsafe {
                    self.store_word(place);
                }
                #[cfg(miri)]
                // SAFETY: the caller vouches for the place.
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
        // SAFETY: any bytes are an address, and the caller vouches for the place. What stored a pointer there
        // exposed it, or is C.
        unsafe {
            ptr::with_exposed_provenance_mut(usize::load(place))
        }
        // Without assembly, an address alone would be no pointer.
        #[cfg(miri)]
        // SAFETY: the caller vouches for the place.
        unsafe {
            ptr::read_volatile(place.cast::<Packed<Self>>()).0
        }
    }

    #[inline(always)]
    unsafe fn store(self, place: *mut u8) {
        #[cfg(not(miri))]
        // SAFETY: as for the address. C sees it, and may follow it.
        unsafe {
            self.expose_provenance().store(place);
        }
        // Without assembly, an address alone would be no pointer when it is read again.
        #[cfg(miri)]
        // SAFETY: the caller vouches for the place.
        unsafe {
            ptr::write_volatile(place.cast::<Packed<Self>>(), Packed(self));
        }
    }
}

impl<T> Word for *const T {
    #[inline(always)]
    unsafe fn load(place: *const u8) -> Self {
        // SAFETY: as above.
        unsafe { <*mut T>::load(place) }
    }

    #[inline(always)]
    unsafe fn store(self, place: *mut u8) {
        // SAFETY: as above.
        unsafe { self.cast_mut().store(place) };
    }
}

/// The bytes that hold a bit-field.
pub trait Unit: Word {
    /// Widened.
    fn widen(self) -> u64;
    /// Cut.
    fn cut(wide: u64) -> Self;
}

macro_rules! units {
    ($($type:ident)*) => {$(
        impl Unit for $type {
            #[inline(always)]
            fn widen(self) -> u64 {
                u64::from(self)
            }

            #[inline(always)]
            fn cut(wide: u64) -> Self {
                // CAST: what does not fit belongs to no member.
                wide as Self
            }
        }
    )*};
}

units! { u8 u16 u32 u64 }

/// What a bit-field is in C.
pub enum BitsOf {
    /// `bool`.
    Bool,
    /// An integer.
    Integer {
        /// Whether it can be negative.
        signed: bool,
    },
    /// An enumeration.
    Enum,
}

/// A type that the member of a view can have that is a bit-field in C.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a bit-field",
    label = "not what a bit-field holds",
    note = "write `bool` for a single bit, or an integer"
)]
pub trait Bits: Sized {
    /// How many bits it has room for.
    #[doc(hidden)]
    const ROOM: u32;
    /// Whether it can be negative; nothing for `bool`.
    #[doc(hidden)]
    const SIGNED: Option<bool>;

    /// From the lowest of these bits, all others of which are zero.
    #[doc(hidden)]
    fn from_bits(bits: u64, count: u32) -> Self;

    /// Bits of which only the lowest count.
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
                // CAST: it has room for that many; the highest one is the sign where there is one.
                if $signed {
                    let unused = u64::BITS - count;
                    ((bits << unused) as i64 >> unused) as Self
                } else {
                    bits as Self
                }
            }

            #[inline(always)]
            fn into_bits(self) -> u64 {
                // CAST: what is widened does not count.
                self as u64
            }
        }
    )*)*};
}

bits! {
    false: u8 u16 u32 u64 usize;
    true: i8 i16 i32 i64 isize;
}

/// Whether a type takes all values of a bit-field of `count` bits.
pub const fn fits_bits<T: Bits>(of: &BitsOf, count: u32) -> bool {
    match (of, T::SIGNED) {
        (BitsOf::Bool, None) => true,
        (BitsOf::Bool, Some(_)) => false,
        (_, None) => count == 1,
        (BitsOf::Integer { signed }, Some(own)) => *signed == own && count <= T::ROOM,
        (BitsOf::Enum, Some(_)) => count <= T::ROOM,
    }
}

/// Reads a bit-field of `count` bits from the bytes at `place`, in which it begins at bit `first`.
///
/// # Safety
///
/// The place can be read.
#[inline(always)]
pub unsafe fn read_bits<T: Bits, U: Unit>(place: *const u8, first: u32, count: u32) -> T {
    // SAFETY: any bytes are an integer, and the caller vouches for the place.
    let unit: U = unsafe { load(place) };
    T::from_bits(unit.widen() >> first & mask(count), count)
}

/// Writes a bit-field. As in C, its bytes are read and written: the bit-fields beside it in them must
/// not change meanwhile.
///
/// # Safety
///
/// The place can be written.
#[inline(always)]
pub unsafe fn write_bits<T: Bits, U: Unit>(place: *mut u8, first: u32, count: u32, value: T) {
    // SAFETY: any bytes are an integer, and the caller vouches for the place.
    let unit: U = unsafe { load(place) };
    let others = unit.widen() & !(mask(count) << first);
    let this = (value.into_bits() & mask(count)) << first;
    // SAFETY: the caller vouches for the place.
    unsafe { store(place, U::cut(others | this)) };
}

#[inline(always)]
const fn mask(count: u32) -> u64 {
    u64::MAX >> (u64::BITS - count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_no_alignment() {
        let mut bytes = [0_u8; 24];
        let first = (&raw mut bytes).cast::<u8>();
        for place in (0..8).map(|at| first.wrapping_add(at)) {
            // SAFETY: inside of the array.
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
        // SAFETY: inside of the array.
        unsafe {
            write_bits::<u8, u16>(place, 6, 3, 0b010);
            assert_eq!(read_bits::<u8, u16>(place, 6, 3), 2);
            assert_eq!(read_bits::<i8, u16>(place, 6, 3), 2);
            assert_eq!(read_bits::<i32, u16>(place, 9, 4), -1);
            assert!(!read_bits::<bool, u8>(place, 6, 1));
            assert!(read_bits::<bool, u8>(place, 7, 1));
            // What does not fit is cut, as in C.
            write_bits::<u32, u16>(place, 6, 3, 0xff);
        }
        assert_eq!(bytes, [0xff; 4]);
    }

    #[test]
    fn bit_fields_have_a_sign_and_need_room() {
        let unsigned = BitsOf::Integer { signed: false };
        let signed = BitsOf::Integer { signed: true };
        assert!(fits_bits::<u8>(&unsigned, 8) && !fits_bits::<u8>(&unsigned, 9));
        assert!(!fits_bits::<i8>(&unsigned, 3) && fits_bits::<i8>(&signed, 3));
        assert!(fits_bits::<bool>(&unsigned, 1) && !fits_bits::<bool>(&unsigned, 2));
        assert!(fits_bits::<bool>(&BitsOf::Bool, 1) && !fits_bits::<u8>(&BitsOf::Bool, 1));
        assert!(fits_bits::<i16>(&BitsOf::Enum, 4) && fits_bits::<u16>(&BitsOf::Enum, 4));
    }

    #[test]
    fn a_bit_field_may_fill_its_bytes() {
        let mut bytes = [0_u8; 8];
        let place = (&raw mut bytes).cast();
        // SAFETY: inside of the array.
        unsafe {
            write_bits::<i64, u64>(place, 0, 64, -5);
            assert_eq!(read_bits::<i64, u64>(place, 0, 64), -5);
            assert_eq!(read_bits::<i32, u32>(place, 0, 32), -5);
        }
    }
}
