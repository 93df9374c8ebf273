// SPDX-License-Identifier: GPL-2.0-only

//! The traits of Rust types for the kernel's C structures. [`klp::view`](crate::view) describes how to declare such
//! types.

use crate::signature::{CType, Claim, Pointee, Raw, Target, TargetOf};
use core::cell::Cell;
use core::ptr::NonNull;

/// A Rust type for a structure of the kernel. [`macro@crate::kernel_struct`] implements it.
///
/// A reference to such a type can be an argument of a replacement, and a `Pin<KBox<_>>` an argument or a result (see
/// [`klp::abi`](crate::abi)). The type can be the parent of a [shadow variable](mod@crate::shadow).
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
/// The kernel has a structure of that name, and a reference to this type guarantees nothing about its
/// contents and alignment. The type is not empty, and safe code cannot create a value of it, unless any
/// bytes are a valid value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a view of a kernel structure",
    label = "not declared with `#[kernel_struct]`",
    note = "write `#[kernel_struct(\"name_in_c\")]` above it"
)]
pub unsafe trait KernelStruct {
    /// The structure's name in C, without `struct`.
    const NAME: &'static str;

    /// A hash that distinguishes it from other structures of that name; 0 if unknown.
    #[doc(hidden)]
    const CONTENT: u64 = 0;

    /// Whether its safe methods rely on claims about C.
    #[doc(hidden)]
    const CLAIMS: bool = true;

    /// What a reference to it claims beyond the C type.
    #[doc(hidden)]
    const CLAIM: Claim = Claim::Object;
}

impl<T: KernelStruct> TargetOf<T> for T {}
impl<T: KernelStruct + CType> Raw for T {}

impl<T: KernelStruct> Pointee for T {
    const TARGET: Target = Target::View(T::NAME, T::CONTENT);
}

/// A [`KernelStruct`] whose size is known, so that it can be created, passed to C in a box, and passed by value.
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
    message = "the size of `{Self}` is not known",
    label = "the kernel's type information only declares this structure",
    note = "no code of this kernel uses its members: take a reference or a raw pointer"
)]
pub unsafe trait Whole: KernelStruct {}

/// A type of a variable that C may set: every bit pattern that C may store is valid.
///
/// These are integers, raw pointers, `Option<NonNull<T>>`, `bool` (0 or 1 in C), [atomics](crate::sync::Atomic),
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
/// Any bytes that C stores in such a variable are a valid value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field that C sets",
    label = "C may store a value that is not valid for this type",
    note = "write an integer, a raw pointer, `Option<NonNull<T>>`, an atomic such as `klp::sync::Atomic<i32>`, or an array of these"
)]
pub unsafe trait Plain {}

/// Compiles only for [`Plain`] types.
#[doc(hidden)]
pub const fn plain<T: Plain>() {}

macro_rules! plain {
    ($($type:ty)*) => {$(
        // SAFETY: every bit pattern is a valid value; C stores only 0 and 1 in a `bool`.
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
// SAFETY: any address is a valid value; `NULL` is `None`.
unsafe impl<T> Plain for Option<NonNull<T>> {}
// SAFETY: a `Cell<T>` has the representation of `T`.
unsafe impl<T: Plain> Plain for Cell<T> {}
// SAFETY: an array is its elements.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}
