// SPDX-License-Identifier: GPL-2.0-only

//! Rust views of the kernel's C structures.

use crate::signature::Claim;
use core::cell::Cell;
use core::ptr::NonNull;
use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicIsize, AtomicPtr, AtomicU16, AtomicU32, AtomicU64,
    AtomicU8, AtomicUsize,
};

/// A type of the author's that stands for a structure of the kernel.
///
/// References to such a type may be arguments of a replacement, a `KBox` of one may be an
/// argument or a result (see [`klp::abi`](crate::abi)), and one may be the parent of a
/// [shadow variable](mod@crate::shadow).
///
/// # Safety
///
/// The kernel has a structure of that name, and whatever C keeps in one is a value of this type:
/// the fields that the type shows are where C has them, and are of the same kind. A type without
/// fields shows nothing and only stands for the address; safe code cannot make a value of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which of the kernel's structures it is",
    label = "no view of a kernel structure",
    note = "write `#[kernel_struct(\"name_in_c\")]` above it"
)]
pub unsafe trait KernelStruct {
    /// The structure's name in C, without `struct`.
    const NAME: &'static str;
    /// What a reference to it says that C does not.
    #[doc(hidden)]
    const CLAIM: Claim = Claim::Object;
}

/// A [`KernelStruct`] that shows the whole structure, so that one can be made, given to C and passed
/// by value.
///
/// # Safety
///
/// The type is as large as the kernel's structure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not show the whole structure",
    label = "only a part of the kernel's structure",
    note = "give it all fields and leave `partial` out of its `#[kernel_struct]`; `cargo klp stub --struct` prints them"
)]
pub unsafe trait Whole: KernelStruct {}

/// A type of a field that C may set: every value of its bytes is one of the type.
///
/// Integers, raw pointers, `Option<NonNull<T>>`, `bool` (C's holds nothing but 0 and 1), arrays of
/// these, and views of structures. A field that another CPU may change during the call is an atomic;
/// one that the replacement changes itself, under the lock that guards it in C, is a [`Cell`].
///
/// # Safety
///
/// Whatever C leaves in such a field is a value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field that C sets",
    label = "not every value that C may leave there is one of this type",
    note = "write an integer, a raw pointer, `Option<NonNull<T>>`, an atomic, or an array of these"
)]
pub unsafe trait Plain {}

/// Compiles for types of which C may leave any value in a field.
#[doc(hidden)]
pub const fn plain<T: Plain>() {}

macro_rules! plain {
    ($($type:ty)*) => {$(
        // SAFETY: every value of its bits is a value of the type; C keeps nothing but 0 and 1 in
        // a `bool`.
        unsafe impl Plain for $type {}
    )*};
}

plain! {
    u8 u16 u32 u64 usize i8 i16 i32 i64 isize bool
    AtomicBool AtomicI32 AtomicI64 AtomicIsize AtomicU8 AtomicU16 AtomicU32 AtomicU64 AtomicUsize
}

// SAFETY: any address is a raw pointer.
unsafe impl<T> Plain for *const T {}
// SAFETY: any address is a raw pointer.
unsafe impl<T> Plain for *mut T {}
// SAFETY: any address is a raw pointer.
unsafe impl<T> Plain for AtomicPtr<T> {}
// SAFETY: any address is one; `NULL` is `None`.
unsafe impl<T> Plain for Option<NonNull<T>> {}
// SAFETY: a cell is what it holds.
unsafe impl<T: Plain> Plain for Cell<T> {}
// SAFETY: an array is its elements.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
