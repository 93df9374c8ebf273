// SPDX-License-Identifier: GPL-2.0-only

//! Rust views of the kernel's C structures.

/// A type of the author's that stands for a structure of the kernel.
///
/// References to such a type may be arguments of a replacement, a `KBox` of one may be an
/// argument or a result (see [`klp::abi`](crate::abi)), and one may be the parent of a
/// [shadow variable](crate::shadow).
///
/// # Safety
///
/// The kernel has a structure of that name, and whatever C keeps in one is a value of this type:
/// the fields that the type shows are where C has them, and are of the same kind. A type without
/// fields shows nothing and only stands for the address; safe code cannot make a value of it.
pub unsafe trait KernelStruct {
    /// The structure's name in C, without `struct`.
    const NAME: &'static str;
}
