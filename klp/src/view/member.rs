// SPDX-License-Identifier: GPL-2.0-only

//! The types of members of views.

use super::access::{load, store};
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use crate::signature::{self, Expected, Shape, Target, Verdict};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// The type of a member of a view.
///
/// # Safety
///
/// The type has the size of such a member, and [`read`](Self::read) gives a value of `Read` whatever
/// bytes there are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a member of a view",
    label = "not the type of a member in C",
    note = "write an integer, `bool`, a raw pointer, `Option<NonNull<T>>`, a view, or an array of these; the documentation of `klp::view` has a table"
)]
pub unsafe trait Member: Sized + 'static {
    /// What reading it gives.
    type Read<'a>;
    /// The same where the patch may also change it (`#[write(unsafe)]`): of an atomic, itself.
    type Shared<'a>;

    /// What it is to C.
    #[doc(hidden)]
    const SHAPE: Shape;
    /// What it points to, or itself.
    #[doc(hidden)]
    type Target;
    /// Whether reading more of it relies on what somebody claims of C.
    #[doc(hidden)]
    const CLAIMS: bool;

    /// Reads it.
    ///
    /// # Safety
    ///
    /// There is such a member, for the whole lifetime.
    #[doc(hidden)]
    unsafe fn read<'a>(place: *const u8) -> Self::Read<'a>;

    /// The same where the patch may also change it.
    ///
    /// # Safety
    ///
    /// There is such a member, for the whole lifetime.
    #[doc(hidden)]
    unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a>;
}

/// A [`Member`] that one store writes.
///
/// # Safety
///
/// It writes no more than the type's size.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as a whole",
    label = "no single store writes this",
    note = "a structure is written member by member: put `#[write(unsafe)]` on those of its view"
)]
pub unsafe trait Writable: Member {
    /// Writes it.
    ///
    /// # Safety
    ///
    /// There is such a member, which may be written.
    #[doc(hidden)]
    unsafe fn write(place: *mut u8, value: Self);
}

macro_rules! integers {
    ($($signed:literal: $($type:ty)*;)*) => {$($(
        // SAFETY: any bytes are an integer.
        unsafe impl Member for $type {
            type Read<'a> = Self;
            type Shared<'a> = Self;

            const SHAPE: Shape = Shape::Integer { signed: $signed };
            type Target = ();
            const CLAIMS: bool = false;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
                // SAFETY: the caller vouches for the member.
                unsafe { load(place) }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a> {
                // SAFETY: as for reading.
                unsafe { <Self as Member>::read(place) }
            }
        }

        // SAFETY: it is stored by itself.
        unsafe impl Writable for $type {
            #[inline(always)]
            unsafe fn write(place: *mut u8, value: Self) {
                // SAFETY: the caller vouches for the member.
                unsafe { store(place, value) };
            }
        }
    )*)*};
}

integers! {
    false: u8 u16 u32 u64 usize;
    true: i8 i16 i32 i64 isize;
}

// SAFETY: read as a byte, any of which says whether it is zero.
unsafe impl Member for bool {
    type Read<'a> = Self;
    type Shared<'a> = Self;

    const SHAPE: Shape = Shape::Bool;
    type Target = ();
    const CLAIMS: bool = false;

    #[inline(always)]
    unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
        // SAFETY: the caller vouches for the member.
        unsafe { load::<u8>(place) != 0 }
    }

    #[inline(always)]
    unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a> {
        // SAFETY: as for reading.
        unsafe { <Self as Member>::read(place) }
    }
}

// SAFETY: stored as a byte.
unsafe impl Writable for bool {
    #[inline(always)]
    unsafe fn write(place: *mut u8, value: Self) {
        // SAFETY: the caller vouches for the member.
        unsafe { store(place, u8::from(value)) };
    }
}

macro_rules! pointers {
    ($($pointer:ty: |$read:ident| $from:expr, |$value:ident| $into:expr;)*) => {$(
        // SAFETY: any bytes are an address, and nothing is known of it.
        unsafe impl<T: 'static> Member for $pointer {
            type Read<'a> = Self;
            type Shared<'a> = Self;

            const SHAPE: Shape = Shape::Pointer;
            type Target = T;
            const CLAIMS: bool = false;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
                // SAFETY: the caller vouches for the member.
                let $read = unsafe { load::<*mut T>(place) };
                $from
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a> {
                // SAFETY: as for reading.
                unsafe { <Self as Member>::read(place) }
            }
        }

        // SAFETY: it is stored by itself.
        unsafe impl<T: 'static> Writable for $pointer {
            #[inline(always)]
            unsafe fn write(place: *mut u8, $value: Self) {
                let value: *const T = $into;
                // SAFETY: the caller vouches for the member.
                unsafe { store(place, value) };
            }
        }
    )*};
}

pointers! {
    *mut T: |read| read, |value| value;
    *const T: |read| read, |value| value;
    Option<NonNull<T>>: |read| NonNull::new(read), |value| match value {
        Some(value) => value.as_ptr(),
        None => core::ptr::null(),
    };
}

macro_rules! wrappers {
    ($($wrapper:ident)*) => {$(
        // SAFETY: the C structure, which C itself has put there.
        unsafe impl Member for $wrapper {
            type Read<'a> = &'a Self;
            type Shared<'a> = &'a Self;

            const SHAPE: Shape = Shape::Aggregate;
            type Target = Self;
            const CLAIMS: bool = true;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
                // SAFETY: the caller vouches for the structure. That it is aligned is compared with
                // the kernel's type information.
                unsafe { &*place.cast() }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a> {
                // SAFETY: as for reading.
                unsafe { <Self as Member>::read(place) }
            }
        }
    )*};
}

wrappers! { Credential Device File LocalFile Mm PidNamespace SeqFile Task }

/// What is known of a type that a member is declared with. Of one that no member can have, nothing is:
/// an item of a type goes before one of a trait.
pub struct Shown<T>(PhantomData<T>);

impl<T: Member> Shown<T> {
    /// What it is to C; nothing for a type that no member can have.
    pub const SHAPE: Option<Shape> = Some(T::SHAPE);
    /// Whether reading more of it relies on what somebody claims of C.
    pub const CLAIMS: bool = T::CLAIMS;
}

/// What is known of other types.
pub trait Otherwise {
    /// It is none of a member.
    const SHAPE: Option<Shape> = None;
    /// None.
    const CLAIMS: bool = false;
}

impl<T> Otherwise for Shown<T> {}

/// Compares the type of a member with what C has there. There is nothing to compare for a type that no
/// member can have.
pub const fn compare(
    shape: Option<Shape>,
    size: usize,
    target: Target,
    written: &str,
    expected: &Expected,
) -> Verdict {
    match shape {
        Some(shape) => signature::compare_shape(shape, size, target, written, expected),
        None => Verdict::Fits,
    }
}

/// Whether a member at this offset of a structure of this alignment is aligned as its type.
pub const fn is_aligned<T>(offset: usize, align: usize) -> bool {
    offset % align_of::<T>() == 0 && align % align_of::<T>() == 0
}
