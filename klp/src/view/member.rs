// SPDX-License-Identifier: GPL-2.0-only

//! The traits of the types that a view's members can have.

use super::access::{load, store};
use crate::platform::wrappers::{
    Credential, Device, File, LocalFile, Mm, PidNamespace, SeqFile, Task,
};
use crate::signature::{self, Expected, Shape, Target, Verdict};
use core::marker::PhantomData;
use core::ptr::NonNull;

/// A type that a member of a view can have.
///
/// # Safety
///
/// The type has the size of the member in C, and [`read`](Self::read) returns a valid value for any bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a member of a view",
    label = "not the type of a member in C",
    note = "write an integer, `bool`, a raw pointer, `Option<NonNull<T>>`, a view, or an array of these; the documentation of `klp::view` has a table"
)]
pub unsafe trait Member: Sized + 'static {
    /// The result of the accessor.
    type Read<'a>;
    /// The result of the accessor with `#[write(unsafe)]`: for an atomic, a reference to it.
    type Shared<'a>;

    /// The kind of type in C.
    #[doc(hidden)]
    const SHAPE: Shape;
    /// The target of a pointer, or the type itself.
    #[doc(hidden)]
    type Target;
    /// Whether its accessors rely on claims about C.
    #[doc(hidden)]
    const CLAIMS: bool;

    /// Reads the member.
    ///
    /// # Safety
    ///
    /// There is such a member at `place`, which lives for `'a`.
    #[doc(hidden)]
    unsafe fn read<'a>(place: *const u8) -> Self::Read<'a>;

    /// Reads the member for an accessor with `#[write(unsafe)]`.
    ///
    /// # Safety
    ///
    /// There is such a member at `place`, which lives for `'a`.
    #[doc(hidden)]
    unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a>;
}

/// A [`Member`] that a single store writes.
///
/// # Safety
///
/// [`write`](Self::write) writes at most the type's size.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be written as a whole",
    label = "no single store writes this",
    note = "a structure is written member by member: put `#[write(unsafe)]` on those of its view"
)]
pub unsafe trait Writable: Member {
    /// Writes the member.
    ///
    /// # Safety
    ///
    /// There is such a member at `place`, which is writable.
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
                // SAFETY: the caller guarantees that the member exists.
                unsafe { load(place) }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a> {
                // SAFETY: as for reading.
                unsafe { <Self as Member>::read(place) }
            }
        }

        // SAFETY: stores a value of the type's size.
        unsafe impl Writable for $type {
            #[inline(always)]
            unsafe fn write(place: *mut u8, value: Self) {
                // SAFETY: the caller guarantees that the member exists.
                unsafe { store(place, value) };
            }
        }
    )*)*};
}

integers! {
    false: u8 u16 u32 u64 usize;
    true: i8 i16 i32 i64 isize;
}

// SAFETY: read as a byte, of which any value but zero is `true`.
unsafe impl Member for bool {
    type Read<'a> = Self;
    type Shared<'a> = Self;

    const SHAPE: Shape = Shape::Bool;
    type Target = ();
    const CLAIMS: bool = false;

    #[inline(always)]
    unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
        // SAFETY: the caller guarantees that the member exists.
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
        // SAFETY: the caller guarantees that the member exists.
        unsafe { store(place, u8::from(value)) };
    }
}

macro_rules! pointers {
    ($($pointer:ty: |$read:ident| $from:expr, |$value:ident| $into:expr;)*) => {$(
        // SAFETY: any bytes are an address, and nothing is assumed about its target.
        unsafe impl<T: 'static> Member for $pointer {
            type Read<'a> = Self;
            type Shared<'a> = Self;

            const SHAPE: Shape = Shape::Pointer;
            type Target = T;
            const CLAIMS: bool = false;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
                // SAFETY: the caller guarantees that the member exists.
                let $read = unsafe { load::<*mut T>(place) };
                $from
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> Self::Shared<'a> {
                // SAFETY: as for reading.
                unsafe { <Self as Member>::read(place) }
            }
        }

        // SAFETY: stores a value of the type's size.
        unsafe impl<T: 'static> Writable for $pointer {
            #[inline(always)]
            unsafe fn write(place: *mut u8, $value: Self) {
                let value: *const T = $into;
                // SAFETY: the caller guarantees that the member exists.
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
        // SAFETY: the C structure, which C has initialised.
        unsafe impl Member for $wrapper {
            type Read<'a> = &'a Self;
            type Shared<'a> = &'a Self;

            const SHAPE: Shape = Shape::Aggregate;
            type Target = Self;
            const CLAIMS: bool = true;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
                // SAFETY: the caller guarantees that the structure exists. That it is aligned is compared with
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

/// Looks up the constants of a declared type, which may not implement [`Member`]. An inherent constant takes precedence
/// over that of [`Otherwise`], so the latter is used only for a type without [`Member`].
pub struct Shown<T>(PhantomData<T>);

impl<T: Member> Shown<T> {
    /// The kind of type in C.
    pub const SHAPE: Option<Shape> = Some(T::SHAPE);
    /// Whether its accessors rely on claims about C.
    pub const CLAIMS: bool = T::CLAIMS;
}

/// The constants of a type that does not implement [`Member`].
pub trait Otherwise {
    /// No kind of type in C.
    const SHAPE: Option<Shape> = None;
    /// No claims.
    const CLAIMS: bool = false;
}

impl<T> Otherwise for Shown<T> {}

/// Compares the declared type of a member with the C type. A type without [`Member`] is not compared: the compiler
/// reports it.
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

/// Returns whether a member at `offset` of a structure with alignment `align` is aligned for `T`.
pub const fn is_aligned<T>(offset: usize, align: usize) -> bool {
    offset % align_of::<T>() == 0 && align % align_of::<T>() == 0
}
