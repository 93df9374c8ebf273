// SPDX-License-Identifier: GPL-2.0-only

//! Reference counts as members of views, and their additional operations.

use crate::layout::Plain;
use crate::platform::atomic::Relaxed;
use crate::platform::{refcount_add_overflowed, Refcount};
use crate::signature::{Pointee, Shape, Target};
use crate::symbols::Changing;
use crate::view::{Member, Writable};

/// Operations of C's `refcount_t` that [`Refcount`] lacks.
///
/// ```
/// use klp::prelude::*;
/// use klp::sync::Refcount;
///
/// fn take(refs: &Refcount) -> Result {
///     if !refs.inc_not_zero() {
///         return Err(ENOENT);
///     }
///     pr_info!("{} references\n", refs.read());
///     Ok(())
/// }
/// ```
pub trait RefcountExt {
    /// Returns the count, as `refcount_read()`.
    fn read(&self) -> i32;

    /// Takes a reference unless the count is 0, as `refcount_inc_not_zero()`. Returns whether it did. The count
    /// saturates.
    #[must_use = "without a reference, the structure may be gone"]
    fn inc_not_zero(&self) -> bool;
}

impl RefcountExt for Refcount {
    #[inline(always)]
    fn read(&self) -> i32 {
        self.as_atomic().load(Relaxed)
    }

    #[inline]
    fn inc_not_zero(&self) -> bool {
        let count = self.as_atomic();
        let mut old = count.load(Relaxed);
        loop {
            if old == 0 {
                return false;
            }
            match count.cmpxchg(old, old.wrapping_add(1), Relaxed) {
                Ok(_) => break,
                Err(now) => old = now,
            }
        }
        if old < 0 || old == i32::MAX {
            refcount_add_overflowed(self);
        }
        true
    }
}

/// The kernel's `struct kref`.
///
/// ```
/// use klp::sync::Kref;
///
/// let refs = Kref::new();
/// refs.get();
/// assert_eq!(refs.read(), 2);
/// assert!(!refs.put());
/// assert!(refs.put(), "the last one");
/// assert!(!refs.get_unless_zero());
/// ```
#[repr(transparent)]
pub struct Kref(Refcount);

impl Kref {
    /// Creates a count of one reference, as `kref_init()`.
    #[inline]
    pub fn new() -> Self {
        Self(Refcount::new(1))
    }

    /// Takes another reference, as `kref_get()`.
    #[inline(always)]
    pub fn get(&self) {
        self.0.inc();
    }

    /// Takes a reference unless the count is 0, as `kref_get_unless_zero()`. Returns whether it did.
    #[must_use = "without a reference, the structure may be gone"]
    #[inline(always)]
    pub fn get_unless_zero(&self) -> bool {
        self.0.inc_not_zero()
    }

    /// Drops a reference, as `kref_put()`. Returns `true` for the last one: the caller then releases the structure.
    #[must_use = "who drops the last reference releases the structure"]
    #[inline(always)]
    pub fn put(&self) -> bool {
        self.0.dec_and_test()
    }

    /// Returns the count, as `kref_read()`.
    #[inline(always)]
    pub fn read(&self) -> i32 {
        self.0.read()
    }
}

impl Default for Kref {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

macro_rules! counts {
    ($($type:ident = $name:literal, |$count:ident| $refcount:expr;)*) => {$(
        impl Pointee for $type {
            const TARGET: Target = Target::Named($name);
        }

        // SAFETY: every bit pattern is a count.
        unsafe impl Plain for $type {}

        // SAFETY: an atomic may be read and written concurrently.
        unsafe impl Changing for $type {}

        // SAFETY: of the size of C's type, and any bytes are a count.
        unsafe impl Member for $type {
            type Read<'a> = i32;
            type Shared<'a> = &'a Self;

            const SHAPE: Shape = Shape::Aggregate;
            type Target = Self;
            const CLAIMS: bool = false;

            #[inline(always)]
            unsafe fn read<'a>(place: *const u8) -> Self::Read<'a> {
                // SAFETY: the caller guarantees such a member; its only member in C is the number.
                unsafe { <i32 as Member>::read(place) }
            }

            #[inline(always)]
            unsafe fn share<'a>(place: *const u8) -> &'a Self {
                // SAFETY: the caller guarantees that the structure exists; the type is transparent over it. Its
                // alignment is compared with the kernel's type information.
                unsafe { &*place.cast() }
            }
        }

        // SAFETY: writes only the number.
        unsafe impl Writable for $type {
            #[inline(always)]
            unsafe fn write(place: *mut u8, value: Self) {
                let $count = &value;
                // SAFETY: the caller guarantees that the member exists.
                unsafe { <i32 as Writable>::write(place, $refcount.read()) };
            }
        }
    )*};
}

counts! {
    Refcount = "refcount_t", |count| count;
    Kref = "kref", |count| count.0;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reference_is_taken_of_a_count_of_zero() {
        let count = Refcount::new(1);
        assert!(count.inc_not_zero());
        assert_eq!(count.read(), 2);
        assert!(!count.dec_and_test());
        assert!(count.dec_and_test());
        assert!(!count.inc_not_zero());
        assert_eq!(count.read(), 0);
    }

    #[test]
    fn a_count_that_overflows_saturates() {
        for start in [i32::MAX, -1] {
            let count = Refcount::new(start);
            assert!(count.inc_not_zero());
            assert_eq!(count.read(), i32::MIN / 2, "{start}");
        }
    }

    #[test]
    fn put_reports_the_last_reference() {
        let count = Kref::new();
        count.get();
        assert!(count.get_unless_zero());
        assert_eq!(count.read(), 3);
        assert!(!count.put() && !count.put());
        assert!(count.put());
        assert!(!count.get_unless_zero());
    }
}
