// SPDX-License-Identifier: GPL-2.0-only

//! Atomics as members of views, and their additional operations.

use crate::layout::Plain;
use crate::platform::atomic::{Atomic, Full, Relaxed};
use crate::signature::{Pointee, Shape, Target};
use crate::symbols::Changing;
use crate::view::{Member, Writable};

/// Operations of C's `atomic_t` that [`Atomic`] lacks.
///
/// ```
/// use klp::prelude::*;
/// use klp::sync::Atomic;
///
/// let count = Atomic::<i32>::new(1);
/// assert!(count.inc_not_zero());
/// assert!(count.add_unless(5, 0));
/// assert_eq!(count.fetch_add_unless(1, 7), 7, "unchanged");
/// assert!(!count.dec_and_test());
/// ```
pub trait AtomicExt {
    /// The integer type.
    type Value;

    /// Adds 1 unless the atomic is 0, as `atomic_inc_not_zero()`. Returns whether it did; fully ordered then.
    fn inc_not_zero(&self) -> bool;

    /// Subtracts 1, as `atomic_dec_and_test()`; fully ordered. Returns whether the result is 0.
    fn dec_and_test(&self) -> bool;

    /// Adds `value` unless the atomic is `unless`, as `atomic_fetch_add_unless()`. Returns the old value; fully ordered
    /// if it added.
    fn fetch_add_unless(&self, value: Self::Value, unless: Self::Value) -> Self::Value;

    /// Adds `value` unless the atomic is `unless`, as `atomic_add_unless()`. Returns whether it did; fully ordered then.
    fn add_unless(&self, value: Self::Value, unless: Self::Value) -> bool;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl AtomicExt for Atomic<$type> {
            type Value = $type;

            #[inline]
            fn inc_not_zero(&self) -> bool {
                self.add_unless(1, 0)
            }

            #[inline(always)]
            fn dec_and_test(&self) -> bool {
                self.fetch_sub(1, Full) == 1
            }

            #[inline]
            fn fetch_add_unless(&self, value: $type, unless: $type) -> $type {
                let mut old = self.load(Relaxed);
                while old != unless {
                    match self.cmpxchg(old, old.wrapping_add(value), Full) {
                        Ok(_) => break,
                        Err(now) => old = now,
                    }
                }
                old
            }

            #[inline]
            fn add_unless(&self, value: $type, unless: $type) -> bool {
                self.fetch_add_unless(value, unless) != unless
            }
        }

        // SAFETY: every bit pattern is a valid value.
        unsafe impl Plain for Atomic<$type> {}
        // SAFETY: an atomic may be read and written concurrently.
        unsafe impl Changing for Atomic<$type> {}
    )*};
}

numbers! { i32 i64 isize u32 u64 usize }

// SAFETY: C stores only 0 and 1 in a `bool`.
unsafe impl Plain for Atomic<bool> {}
// SAFETY: an atomic may be read and written concurrently.
unsafe impl Changing for Atomic<bool> {}

// SAFETY: any address is a raw pointer.
unsafe impl<T> Plain for Atomic<*mut T> {}
// SAFETY: an atomic may be read and written concurrently.
unsafe impl<T> Changing for Atomic<*mut T> {}

macro_rules! atomics {
    ($($type:ty = $name:literal;)*) => {$(
        impl Pointee for Atomic<$type> {
            const TARGET: Target = Target::Named($name);
        }

        // SAFETY: of the size of C's type, and any bytes are a number.
        unsafe impl Member for Atomic<$type> {
            type Read<'a> = $type;
            type Shared<'a> = &'a Self;

            const SHAPE: Shape = Shape::Aggregate;
            type Target = Self;
            const CLAIMS: bool = false;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
                // SAFETY: the caller guarantees such a member; its only member in C is the number.
                unsafe { <$type as Member>::read(place) }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> &'a Self {
                // SAFETY: the caller guarantees that the structure exists. Its alignment is compared with the
                // kernel's type information.
                unsafe { &*place.cast() }
            }
        }

        // SAFETY: writes only the number.
        unsafe impl Writable for Atomic<$type> {
            #[inline(always)]
            unsafe fn write(place: *mut u8, value: Self) {
                // SAFETY: the caller guarantees that the member exists.
                unsafe { <$type as Writable>::write(place, value.load(Relaxed)) };
            }
        }
    )*};
}

atomics! {
    i32 = "atomic_t";
    i64 = "atomic64_t";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_of_zero_is_not_incremented() {
        let count = Atomic::<i32>::new(1);
        assert!(count.inc_not_zero());
        assert!(!count.dec_and_test());
        assert!(count.dec_and_test());
        assert!(!count.inc_not_zero());
        assert_eq!(count.load(Relaxed), 0);
    }

    #[test]
    fn add_unless_compares_with_the_given_value() {
        let count = Atomic::<i64>::new(-1);
        assert!(!count.add_unless(5, -1));
        assert!(count.add_unless(5, 0));
        assert_eq!(count.load(Relaxed), 4);
        let count = Atomic::<i64>::new(i64::MAX);
        assert!(count.add_unless(1, 0));
        assert_eq!(count.load(Relaxed), i64::MIN);
    }
}
