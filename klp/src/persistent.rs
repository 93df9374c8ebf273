// SPDX-License-Identifier: GPL-2.0-only

//! Types whose values may outlive the module that made them.
//!
//! The data of [shadow variables](mod@crate::shadow) and [system states](mod@crate::state) stays in the
//! kernel while patches are loaded and unloaded. Another patch, possibly built from other source by another
//! compiler, reads it. [`Persistent`] marks the types that allow this, and gives each a fingerprint that patches
//! compare.

use crate::platform::alloc::KBox;
use crate::shadow::{Parent, Shadow};
use crate::state::State;
use crate::sync::Atomic;
use core::pin::Pin;

/// A type whose values may outlive the module that made them.
///
/// `#[derive(Persistent)]` implements it for structures of such fields:
///
/// ```
/// use klp::prelude::*;
/// use klp::sync::Atomic;
///
/// #[derive(Persistent)]
/// struct Usage {
///     started: usize,
///     calls: Atomic<u32>,
///     name: Option<KBox<[u8; 16]>>,
/// }
/// ```
///
/// Data that several CPUs share changes through atomics.
///
/// # Safety
///
/// A value contains nothing that is unloaded with the module: no reference, function pointer or trait
/// object. Types of the same fingerprint have the same layout and valid values, whichever compiler
/// built them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` may not outlive the module that made it",
    label = "this value stays in the kernel when the patch is unloaded",
    note = "integers, `bool`, atomics, arrays and `KBox`es of these may; put `#[derive(Persistent)]` on a structure of them"
)]
pub unsafe trait Persistent: Send + Sync + 'static {
    /// A hash of the type's name and layout, and of those of its fields.
    const FINGERPRINT: u64;
}

/// A shadow variable or state whose types may be used for it.
#[doc(hidden)]
pub trait Typed {
    /// The fingerprint of the variable's types.
    const FINGERPRINT: u64;
}

impl<P: Parent, T: Persistent> Typed for Shadow<P, T> {
    const FINGERPRINT: u64 = Fingerprint::of::<()>("shadow")
        .text(P::NAME)
        .number(T::FINGERPRINT)
        .finish();
}

impl<T: Persistent> Typed for State<T> {
    const FINGERPRINT: u64 = Fingerprint::of::<()>("state")
        .number(T::FINGERPRINT)
        .finish();
}

/// A builder of fingerprints: FNV-1a over a description of the type.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Starts a fingerprint with the kind, size and alignment of `T`.
    #[inline]
    pub const fn of<T>(kind: &str) -> Self {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        Self(OFFSET_BASIS)
            .text(kind)
            .number(size_of::<T>() as u64)
            .number(align_of::<T>() as u64)
    }

    /// Adds a string.
    #[inline]
    #[must_use]
    pub const fn text(self, text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut this = self.number(bytes.len() as u64);
        let mut rest = bytes;
        while let [first, others @ ..] = rest {
            this = this.byte(*first);
            rest = others;
        }
        this
    }

    /// Adds a number.
    #[inline]
    #[must_use]
    pub const fn number(self, number: u64) -> Self {
        let mut this = self;
        let mut shift = 0;
        while shift < u64::BITS {
            this = this.byte((number >> shift) as u8);
            shift += 8;
        }
        this
    }

    /// Adds a field of type `T`.
    #[inline]
    #[must_use]
    pub const fn field<T: Persistent>(self, name: &str, offset: usize) -> Self {
        self.text(name).number(offset as u64).number(T::FINGERPRINT)
    }

    #[inline]
    const fn byte(self, byte: u8) -> Self {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        Self((self.0 ^ byte as u64).wrapping_mul(PRIME))
    }

    /// Returns the fingerprint.
    #[inline]
    pub const fn finish(self) -> u64 {
        self.0
    }
}

macro_rules! plain {
    ($($type:ty = $kind:literal)*) => {$(
        // SAFETY: an integer, or an atomic of the same size; all compilers use the same representation.
        unsafe impl Persistent for $type {
            const FINGERPRINT: u64 = Fingerprint::of::<Self>($kind).finish();
        }
    )*};
}

// An atomic is accessed in another way than an integer, so it counts as another type.
plain! {
    () = "()"
    bool = "bool"
    u8 = "u8" u16 = "u16" u32 = "u32" u64 = "u64" usize = "usize"
    i8 = "i8" i16 = "i16" i32 = "i32" i64 = "i64" isize = "isize"
    Atomic<bool> = "AtomicBool"
    Atomic<u32> = "AtomicU32" Atomic<u64> = "AtomicU64" Atomic<usize> = "AtomicUsize"
    Atomic<i8> = "AtomicI8" Atomic<i16> = "AtomicI16"
    Atomic<i32> = "AtomicI32" Atomic<i64> = "AtomicI64" Atomic<isize> = "AtomicIsize"
}

// SAFETY: an array is its elements, one after the other.
unsafe impl<T: Persistent, const N: usize> Persistent for [T; N] {
    const FINGERPRINT: u64 = Fingerprint::of::<Self>("array")
        .number(T::FINGERPRINT)
        .finish();
}

// SAFETY: a pointer to memory from `kmalloc()`, which is not freed with a module.
unsafe impl<T: Persistent> Persistent for KBox<T> {
    const FINGERPRINT: u64 = Fingerprint::of::<Self>("KBox")
        .number(T::FINGERPRINT)
        .finish();
}

// SAFETY: as above.
unsafe impl<T: Persistent> Persistent for Pin<KBox<T>> {
    const FINGERPRINT: u64 = Fingerprint::of::<Self>("Pin<KBox>")
        .number(T::FINGERPRINT)
        .finish();
}

// SAFETY: as for the box; `None` is the null pointer.
unsafe impl<T: Persistent> Persistent for Option<Pin<KBox<T>>> {
    const FINGERPRINT: u64 = Fingerprint::of::<Self>("Option<Pin<KBox>>")
        .number(T::FINGERPRINT)
        .finish();
}

// SAFETY: as above.
unsafe impl<T: Persistent> Persistent for Option<KBox<T>> {
    const FINGERPRINT: u64 = Fingerprint::of::<Self>("Option<KBox>")
        .number(T::FINGERPRINT)
        .finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_distinct_fingerprints() {
        let all = [
            <()>::FINGERPRINT,
            u32::FINGERPRINT,
            i32::FINGERPRINT,
            u64::FINGERPRINT,
            usize::FINGERPRINT,
            bool::FINGERPRINT,
            u8::FINGERPRINT,
            Atomic::<u32>::FINGERPRINT,
            <[u32; 1]>::FINGERPRINT,
            <[u32; 2]>::FINGERPRINT,
            <[u64; 1]>::FINGERPRINT,
            KBox::<u32>::FINGERPRINT,
            KBox::<u64>::FINGERPRINT,
            Option::<KBox<u32>>::FINGERPRINT,
            Pin::<KBox<u32>>::FINGERPRINT,
            Option::<Pin<KBox<u32>>>::FINGERPRINT,
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
        }
    }

    #[test]
    fn names_and_offsets_of_fields_are_hashed() {
        let of = |name, offset| {
            let fingerprint = Fingerprint::of::<u64>("struct").field::<u32>(name, offset);
            fingerprint.finish()
        };
        assert_eq!(of("a", 0), of("a", 0));
        assert_ne!(of("a", 0), of("b", 0));
        assert_ne!(of("a", 0), of("a", 4));
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // The published value for "a".
        assert_eq!(
            Fingerprint(0xcbf2_9ce4_8422_2325).byte(b'a').finish(),
            0xaf63_dc4c_8601_ec8c
        );
    }
}
