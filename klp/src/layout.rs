// SPDX-License-Identifier: GPL-2.0-only

//! The traits of Rust types that stand for C structures of the kernel. [`klp::view`](crate::view) declares such
//! types.

use crate::signature::{CType, Claim, Pointee, Raw, Target, TargetOf};
use core::cell::Cell;
use core::ptr::NonNull;

/// A Rust type that stands for a structure of the kernel. [`macro@crate::kernel_struct`] implements it.
///
/// References to such a type can be arguments of a replacement, a `Pin<KBox<_>>` can be an argument or a result
/// (see [`klp::abi`](crate::abi)), and it can be the parent of a [shadow variable](mod@crate::shadow).
///
/// ```
/// use klp::layout::KernelStruct;
/// use klp::prelude::*;
///
/// #[kernel_struct("inode")]
/// struct Inode;
///
/// assert_eq!(Inode::NAME, "inode");
/// ```
///
/// # Safety
///
/// The kernel has a structure of that name, and a reference to this type promises nothing about its
/// contents and alignment. The type is not empty, and safe code cannot make a value of it, unless any
/// bytes are one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which of the kernel's structures it is",
    label = "no view of a kernel structure",
    note = "write `#[kernel_struct(\"name_in_c\")]` above it"
)]
pub unsafe trait KernelStruct {
    /// The structure's name in C, without `struct`.
    const NAME: &'static str;

    /// Tells it from other structures of that name; 0 when that is not known.
    #[doc(hidden)]
    const CONTENT: u64 = 0;

    /// Whether what safe code can do with it relies on what somebody claims of C.
    #[doc(hidden)]
    const CLAIMS: bool = true;

    /// What a reference to it says that C does not.
    #[doc(hidden)]
    const CLAIM: Claim = Claim::Object;
}

impl<T: KernelStruct> TargetOf<T> for T {}
impl<T: KernelStruct + CType> Raw for T {}

impl<T: KernelStruct> Pointee for T {
    const TARGET: Target = Target::View(T::NAME, T::CONTENT);
}

/// A [`KernelStruct`] of which the whole structure is known, so that it can be made, given to C and
/// passed by value.
///
/// ```
/// use klp::layout::Whole;
/// use klp::prelude::*;
///
/// #[kernel_struct("vfsuid_t")]
/// struct VfsUid {
///     val: u32,
/// }
///
/// fn is_whole<T: Whole>() {}
/// is_whole::<VfsUid>();
/// ```
///
/// # Safety
///
/// The type is as large as the kernel's structure.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not known as a whole",
    label = "of this structure the kernel's type information tells only that there is one",
    note = "nothing in this kernel looks into the structure, so its size is not known: take a reference or a raw pointer"
)]
pub unsafe trait Whole: KernelStruct {}

/// The type of a variable that C may set: every bit pattern that C may leave there is valid.
///
/// Integers, raw pointers, `Option<NonNull<T>>`, `bool` (C's is only 0 or 1), [atomics](crate::sync::Atomic),
/// arrays of these, and views of structures.
///
/// ```
/// use klp::layout::Plain;
/// use klp::sync::Atomic;
///
/// fn is_plain<T: Plain>() {}
/// is_plain::<[u32; 4]>();
/// is_plain::<Atomic<usize>>();
/// ```
///
/// # Safety
///
/// Whatever C leaves in such a variable is a value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field that C sets",
    label = "not every value that C may leave there is one of this type",
    note = "write an integer, a raw pointer, `Option<NonNull<T>>`, an atomic such as `klp::sync::Atomic<i32>`, or an array of these"
)]
pub unsafe trait Plain {}

/// Compiles for types of which C may leave any value in a variable.
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
}

// SAFETY: any address is a raw pointer.
unsafe impl<T> Plain for *const T {}
// SAFETY: any address is a raw pointer.
unsafe impl<T> Plain for *mut T {}
// SAFETY: any address is one; `NULL` is `None`.
unsafe impl<T> Plain for Option<NonNull<T>> {}
// SAFETY: a cell is what it holds.
unsafe impl<T: Plain> Plain for Cell<T> {}
// SAFETY: an array is its elements.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
