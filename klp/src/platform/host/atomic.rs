// SPDX-License-Identifier: GPL-2.0-only

//! Stand-ins for the kernel's atomics and reference counts.
//!
//! A lock around each access makes it atomic at any alignment, because members of views have alignment 1 on the host. It
//! also orders all accesses, which is stronger than any ordering requires.

use core::cell::UnsafeCell;
use core::ops::{Add, Sub};
use std::sync::{Mutex, PoisonError};

/// Held around each access to any atomic.
static ACCESS: Mutex<()> = Mutex::new(());

/// The memory orderings.
mod ordering {
    macro_rules! orderings {
        ($($(#[$meta:meta])* $name:ident: $($kind:ident)*;)*) => {$(
            $(#[$meta])*
            pub struct $name;

            impl Ordering for $name {}
            $(impl $kind for $name {})*
        )*};
    }

    /// Any ordering.
    pub trait Ordering {}
    /// The orderings of a load.
    pub trait AcquireOrRelaxed: Ordering {}
    /// The orderings of a store.
    pub trait ReleaseOrRelaxed: Ordering {}

    orderings! {
        /// No ordering.
        Relaxed: AcquireOrRelaxed ReleaseOrRelaxed;
        /// Later accesses in program order are ordered after this one.
        Acquire: AcquireOrRelaxed;
        /// Earlier accesses in program order are ordered before this one.
        Release: ReleaseOrRelaxed;
        /// A full memory barrier before and after.
        Full: ;
    }
}

pub use ordering::{Acquire, AcquireOrRelaxed, Full, Ordering, Relaxed, Release, ReleaseOrRelaxed};

/// A type that an [`Atomic`] can hold.
pub trait AtomicType: Copy + PartialEq {}

/// A type of atomics that have arithmetic.
pub trait AtomicAdd: AtomicType + Add<Output = Self> + Sub<Output = Self> {
    #[doc(hidden)]
    fn plus(self, other: Self) -> Self;
    #[doc(hidden)]
    fn minus(self, other: Self) -> Self;
}

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl AtomicType for $type {}

        impl AtomicAdd for $type {
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn minus(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
        }
    )*};
}

numbers! { i32 i64 isize u32 u64 usize }

impl AtomicType for bool {}
impl AtomicType for i8 {}
impl AtomicType for i16 {}
impl<T> AtomicType for *mut T {}
impl<T> AtomicType for *const T {}

/// A stand-in for the `kernel` crate's atomic, with the same methods.
#[repr(C, packed)]
pub struct Atomic<T: AtomicType>(UnsafeCell<T>);

// SAFETY: every access is under a lock.
unsafe impl<T: AtomicType> Sync for Atomic<T> {}
// SAFETY: a value may be sent, and the target of a pointer is not accessed.
unsafe impl<T: AtomicType> Send for Atomic<T> {}

impl<T: AtomicType> Atomic<T> {
    /// Creates an atomic.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Returns the atomic at `place`.
    ///
    /// # Safety
    ///
    /// `place` is valid for `'a`, and is accessed only as an atomic.
    pub unsafe fn from_ptr<'a>(place: *mut T) -> &'a Self {
        // SAFETY: guaranteed by the caller. The type has alignment 1.
        unsafe { &*place.cast() }
    }

    /// Returns the address of the value.
    pub const fn as_ptr(&self) -> *mut T {
        (&raw const self.0).cast_mut().cast()
    }

    fn change(&self, change: impl FnOnce(T) -> Option<T>) -> T {
        let _access = ACCESS.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the value is valid, and the lock excludes other accesses.
        let old = unsafe { self.as_ptr().read_unaligned() };
        if let Some(new) = change(old) {
            // SAFETY: the value is valid, and the lock excludes other accesses.
            unsafe { self.as_ptr().write_unaligned(new) };
        }
        old
    }

    /// Returns the value.
    pub fn load<O: AcquireOrRelaxed>(&self, _: O) -> T {
        self.change(|_| None)
    }

    /// Sets the value.
    pub fn store<O: ReleaseOrRelaxed>(&self, value: T, _: O) {
        self.change(|_| Some(value));
    }

    /// Sets the value and returns the old one.
    pub fn xchg<O: Ordering>(&self, value: T, _: O) -> T {
        self.change(|_| Some(value))
    }

    /// Sets the value if it is `old`. Returns the old value, as an error if it was not `old`.
    pub fn cmpxchg<O: Ordering>(&self, old: T, new: T, _: O) -> Result<T, T> {
        let was = self.change(|now| (now == old).then_some(new));
        if was == old {
            Ok(was)
        } else {
            Err(was)
        }
    }
}

impl<T: AtomicAdd> Atomic<T> {
    /// Adds to the value.
    pub fn add(&self, value: T, _: Relaxed) {
        self.change(|now| Some(now.plus(value)));
    }

    /// Adds to the value and returns the old one.
    pub fn fetch_add<O: Ordering>(&self, value: T, _: O) -> T {
        self.change(|now| Some(now.plus(value)))
    }

    /// Subtracts from the value and returns the old one.
    pub fn fetch_sub<O: Ordering>(&self, value: T, _: O) -> T {
        self.change(|now| Some(now.minus(value)))
    }
}

/// The kernel's `REFCOUNT_SATURATED`.
const SATURATED: i32 = i32::MIN / 2;

/// A stand-in for the `kernel` crate's reference count, with the same methods.
#[repr(transparent)]
pub struct Refcount(Atomic<i32>);

impl Refcount {
    /// Creates a reference count.
    pub fn new(value: i32) -> Self {
        Self(Atomic::new(value))
    }

    /// Returns the count as an atomic.
    pub fn as_atomic(&self) -> &Atomic<i32> {
        &self.0
    }

    /// Sets the count.
    pub fn set(&self, value: i32) {
        self.0.store(value, Relaxed);
    }

    /// Takes another reference.
    pub fn inc(&self) {
        let old = self.0.fetch_add(1, Relaxed);
        if old <= 0 || old == i32::MAX {
            refcount_add_overflowed(self);
        }
    }

    /// Drops a reference that is not the last one.
    pub fn dec(&self) {
        if self.0.fetch_sub(1, Release) <= 1 {
            self.0.store(SATURATED, Relaxed);
        }
    }

    /// Drops a reference. Returns whether it was the last one.
    #[must_use]
    pub fn dec_and_test(&self) -> bool {
        let old = self.0.fetch_sub(1, Full);
        if old <= 0 {
            self.0.store(SATURATED, Relaxed);
        }
        old == 1
    }
}

/// Saturates a count that has overflowed.
pub(crate) fn refcount_add_overflowed(count: &Refcount) {
    count.0.store(SATURATED, Relaxed);
}
