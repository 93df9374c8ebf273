// SPDX-License-Identifier: GPL-2.0-only

//! Atomics and reference counts, with the interface of the `kernel` crate.
//!
//! They use Rust's atomics, on processors where these follow the kernel's memory model: each operation that changes a
//! value is a full barrier whatever its ordering.

use super::bindings;
use core::cell::UnsafeCell;
use core::ops::{Add, Sub};
use core::sync::atomic::{self, Ordering as Core};

const _: () = assert!(
    crate::arch::ATOMICS_ARE_KERNELS,
    "klp does not know this processor's orderings"
);

/// The memory orderings.
mod ordering {
    use core::sync::atomic::Ordering as Core;

    macro_rules! orderings {
        ($($(#[$meta:meta])* $name:ident = $core:ident: $($kind:ident)*;)*) => {$(
            $(#[$meta])*
            pub struct $name;

            impl Ordering for $name {
                const CORE: Core = Core::$core;
            }
            $(impl $kind for $name {})*
        )*};
    }

    /// Any ordering.
    pub trait Ordering {
        #[doc(hidden)]
        const CORE: Core;
    }
    /// The orderings of a load.
    pub trait AcquireOrRelaxed: Ordering {}
    /// The orderings of a store.
    pub trait ReleaseOrRelaxed: Ordering {}

    orderings! {
        /// No ordering.
        Relaxed = Relaxed: AcquireOrRelaxed ReleaseOrRelaxed;
        /// Later accesses in program order are ordered after this one.
        Acquire = Acquire: AcquireOrRelaxed;
        /// Earlier accesses in program order are ordered before this one.
        Release = Release: ReleaseOrRelaxed;
        /// A full memory barrier before and after.
        Full = SeqCst: ;
    }
}

pub use ordering::{Acquire, AcquireOrRelaxed, Full, Ordering, Relaxed, Release, ReleaseOrRelaxed};

/// A type that an [`Atomic`] can hold.
pub trait AtomicType: Copy + PartialEq {
    #[doc(hidden)]
    unsafe fn load(place: *mut Self, ordering: Core) -> Self;
    #[doc(hidden)]
    unsafe fn store(place: *mut Self, value: Self, ordering: Core);
    #[doc(hidden)]
    unsafe fn swap(place: *mut Self, value: Self, ordering: Core) -> Self;
    #[doc(hidden)]
    unsafe fn exchange(
        place: *mut Self,
        old: Self,
        new: Self,
        ordering: Core,
    ) -> Result<Self, Self>;
}

/// A type of atomics that have arithmetic.
pub trait AtomicAdd: AtomicType + Add<Output = Self> + Sub<Output = Self> {
    #[doc(hidden)]
    unsafe fn plus(place: *mut Self, value: Self, ordering: Core) -> Self;
    #[doc(hidden)]
    unsafe fn minus(place: *mut Self, value: Self, ordering: Core) -> Self;
}

/// Returns the ordering of a compare-and-exchange that fails.
const fn failed(ordering: Core) -> Core {
    match ordering {
        Core::SeqCst => Core::SeqCst,
        Core::Acquire | Core::AcqRel => Core::Acquire,
        _ => Core::Relaxed,
    }
}

// The safety requirement of all functions: `place` is valid and aligned. "As above" below means that the caller
// guarantees this.
macro_rules! atomic_type {
    ($([$($generic:tt)*] $type:ty = $core:ty;)*) => {$(
        impl<$($generic)*> AtomicType for $type {
            #[inline(always)]
            unsafe fn load(place: *mut Self, ordering: Core) -> Self {
                // SAFETY: as above.
                unsafe { <$core>::from_ptr(place.cast()) }.load(ordering) as Self
            }

            #[inline(always)]
            unsafe fn store(place: *mut Self, value: Self, ordering: Core) {
                // SAFETY: as above.
                unsafe { <$core>::from_ptr(place.cast()) }.store(value as _, ordering);
            }

            #[inline(always)]
            unsafe fn swap(place: *mut Self, value: Self, ordering: Core) -> Self {
                // SAFETY: as above.
                unsafe { <$core>::from_ptr(place.cast()) }.swap(value as _, ordering) as Self
            }

            #[inline(always)]
            unsafe fn exchange(
                place: *mut Self,
                old: Self,
                new: Self,
                ordering: Core,
            ) -> Result<Self, Self> {
                // SAFETY: as above.
                unsafe { <$core>::from_ptr(place.cast()) }
                    .compare_exchange(old as _, new as _, ordering, failed(ordering))
                    .map(|was| was as Self)
                    .map_err(|was| was as Self)
            }
        }
    )*};
}

atomic_type! {
    [] i8 = atomic::AtomicI8;
    [] i16 = atomic::AtomicI16;
    [] i32 = atomic::AtomicI32;
    [] i64 = atomic::AtomicI64;
    [] isize = atomic::AtomicIsize;
    [] u32 = atomic::AtomicU32;
    [] u64 = atomic::AtomicU64;
    [] usize = atomic::AtomicUsize;
    [] bool = atomic::AtomicBool;
    [T] *mut T = atomic::AtomicPtr<T>;
    [T] *const T = atomic::AtomicPtr<T>;
}

macro_rules! numbers {
    ($($type:ty = $core:ident;)*) => {$(
        impl AtomicAdd for $type {
            #[inline(always)]
            unsafe fn plus(place: *mut Self, value: Self, ordering: Core) -> Self {
                // SAFETY: as above.
                unsafe { atomic::$core::from_ptr(place) }.fetch_add(value, ordering)
            }

            #[inline(always)]
            unsafe fn minus(place: *mut Self, value: Self, ordering: Core) -> Self {
                // SAFETY: as above.
                unsafe { atomic::$core::from_ptr(place) }.fetch_sub(value, ordering)
            }
        }
    )*};
}

numbers! {
    i32 = AtomicI32;
    i64 = AtomicI64;
    isize = AtomicIsize;
    u32 = AtomicU32;
    u64 = AtomicU64;
    usize = AtomicUsize;
}

/// An atomic with the methods of the `kernel` crate's.
#[repr(transparent)]
pub struct Atomic<T: AtomicType>(UnsafeCell<T>);

// SAFETY: every access is atomic.
unsafe impl<T: AtomicType> Sync for Atomic<T> {}
// SAFETY: a value may be sent, and the target of a pointer is not accessed.
unsafe impl<T: AtomicType> Send for Atomic<T> {}

impl<T: AtomicType> Atomic<T> {
    /// Creates an atomic.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// Returns the atomic at `place`.
    ///
    /// # Safety
    ///
    /// `place` is valid for `'a`, aligned, and accessed only as an atomic.
    #[inline]
    pub unsafe fn from_ptr<'a>(place: *mut T) -> &'a Self {
        // SAFETY: guaranteed by the caller.
        unsafe { &*place.cast() }
    }

    /// Returns the address of the value.
    #[inline]
    pub const fn as_ptr(&self) -> *mut T {
        self.0.get()
    }

    /// Returns the value.
    #[inline(always)]
    pub fn load<O: AcquireOrRelaxed>(&self, _: O) -> T {
        // SAFETY: the pointer is to `self`'s value.
        unsafe { T::load(self.0.get(), O::CORE) }
    }

    /// Sets the value.
    #[inline(always)]
    pub fn store<O: ReleaseOrRelaxed>(&self, value: T, _: O) {
        // SAFETY: the pointer is to `self`'s value.
        unsafe { T::store(self.0.get(), value, O::CORE) };
    }

    /// Sets the value and returns the old one.
    #[inline(always)]
    pub fn xchg<O: Ordering>(&self, value: T, _: O) -> T {
        // SAFETY: the pointer is to `self`'s value.
        unsafe { T::swap(self.0.get(), value, O::CORE) }
    }

    /// Sets the value if it is `old`. Returns the old value, as an error if it was not `old`.
    #[inline(always)]
    pub fn cmpxchg<O: Ordering>(&self, old: T, new: T, _: O) -> Result<T, T> {
        // SAFETY: the pointer is to `self`'s value.
        unsafe { T::exchange(self.0.get(), old, new, O::CORE) }
    }
}

impl<T: AtomicAdd> Atomic<T> {
    /// Adds to the value.
    #[inline(always)]
    pub fn add(&self, value: T, _: Relaxed) {
        // SAFETY: the pointer is to `self`'s value.
        unsafe { T::plus(self.0.get(), value, Core::Relaxed) };
    }

    /// Adds to the value and returns the old one.
    #[inline(always)]
    pub fn fetch_add<O: Ordering>(&self, value: T, _: O) -> T {
        // SAFETY: the pointer is to `self`'s value.
        unsafe { T::plus(self.0.get(), value, O::CORE) }
    }

    /// Subtracts from the value and returns the old one.
    #[inline(always)]
    pub fn fetch_sub<O: Ordering>(&self, value: T, _: O) -> T {
        // SAFETY: the pointer is to `self`'s value.
        unsafe { T::minus(self.0.get(), value, O::CORE) }
    }
}

/// A reference count with the methods of the `kernel` crate's. The kernel saturates a count that overflows or
/// drops below zero, with a warning in the log.
#[repr(transparent)]
pub struct Refcount(Atomic<i32>);

impl Refcount {
    /// Creates a reference count.
    #[inline]
    pub fn new(value: i32) -> Self {
        Self(Atomic::new(value))
    }

    /// Returns the count as an atomic.
    #[inline]
    pub fn as_atomic(&self) -> &Atomic<i32> {
        &self.0
    }

    /// Sets the count.
    #[inline]
    pub fn set(&self, value: i32) {
        self.0.store(value, Relaxed);
    }

    /// Takes another reference, as `refcount_inc()`.
    #[inline]
    pub fn inc(&self) {
        match self.0.fetch_add(1, Relaxed) {
            0 => self.warn_saturated(bindings::refcount_saturation_type_REFCOUNT_ADD_UAF),
            old if old < 0 || old == i32::MAX => {
                self.warn_saturated(bindings::refcount_saturation_type_REFCOUNT_ADD_OVF);
            }
            _ => {}
        }
    }

    /// Drops a reference that is not the last one, as `refcount_dec()`.
    #[inline]
    pub fn dec(&self) {
        if self.0.fetch_sub(1, Release) <= 1 {
            self.warn_saturated(bindings::refcount_saturation_type_REFCOUNT_DEC_LEAK);
        }
    }

    /// Drops a reference, as `refcount_dec_and_test()`. Returns whether it was the last one.
    #[inline]
    #[must_use = "who drops the last reference releases the structure"]
    pub fn dec_and_test(&self) -> bool {
        let old = self.0.fetch_sub(1, Full);
        if old <= 0 {
            self.warn_saturated(bindings::refcount_saturation_type_REFCOUNT_SUB_UAF);
        }
        old == 1
    }

    /// Saturates the count, with a warning in the log.
    #[inline]
    pub(crate) fn warn_saturated(&self, why: bindings::refcount_saturation_type) {
        // SAFETY: the type has the layout of `refcount_t`.
        unsafe { bindings::refcount_warn_saturate(self.0.as_ptr().cast(), why) };
    }
}
