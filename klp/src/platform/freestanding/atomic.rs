// SPDX-License-Identifier: GPL-2.0-only

//! Atomics and reference counts, in the shape of the `kernel` crate's.
//!
//! They are Rust's own, where these are what the kernel's memory model asks for: each operation that changes a value
//! is a full barrier whatever its ordering.

use super::bindings;
use core::cell::UnsafeCell;
use core::ops::{Add, Sub};
use core::sync::atomic::{self, Ordering as Core};

const _: () = assert!(
    crate::arch::ATOMICS_ARE_KERNELS,
    "klp does not know this processor's orderings"
);

/// The orderings.
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

    /// Any.
    pub trait Ordering {
        #[doc(hidden)]
        const CORE: Core;
    }
    /// Those of a load.
    pub trait AcquireOrRelaxed: Ordering {}
    /// Those of a store.
    pub trait ReleaseOrRelaxed: Ordering {}

    orderings! {
        /// No ordering.
        Relaxed = Relaxed: AcquireOrRelaxed ReleaseOrRelaxed;
        /// What comes later in the program is not done before.
        Acquire = Acquire: AcquireOrRelaxed;
        /// What comes earlier in the program has been done before.
        Release = Release: ReleaseOrRelaxed;
        /// A full memory barrier before and after.
        Full = SeqCst: ;
    }
}

pub use ordering::{Acquire, AcquireOrRelaxed, Full, Ordering, Relaxed, Release, ReleaseOrRelaxed};

/// What can be in an [`Atomic`].
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

/// What can be added to.
pub trait AtomicAdd: AtomicType + Add<Output = Self> + Sub<Output = Self> {
    #[doc(hidden)]
    unsafe fn plus(place: *mut Self, value: Self, ordering: Core) -> Self;
    #[doc(hidden)]
    unsafe fn minus(place: *mut Self, value: Self, ordering: Core) -> Self;
}

/// The ordering of a compare-and-exchange that fails.
const fn failed(ordering: Core) -> Core {
    match ordering {
        Core::SeqCst => Core::SeqCst,
        Core::Acquire | Core::AcqRel => Core::Acquire,
        _ => Core::Relaxed,
    }
}

// SAFETY of all functions: the caller guarantees that `place` is valid.
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

/// The `kernel` crate's atomic, of the same methods.
#[repr(transparent)]
pub struct Atomic<T: AtomicType>(UnsafeCell<T>);

// SAFETY: every access is atomic.
unsafe impl<T: AtomicType> Sync for Atomic<T> {}
// SAFETY: a value may be sent, and what a pointer points to is not accessed.
unsafe impl<T: AtomicType> Send for Atomic<T> {}

impl<T: AtomicType> Atomic<T> {
    /// One of that value.
    #[inline]
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// One that is there already.
    ///
    /// # Safety
    ///
    /// It is, for the whole lifetime, aligned, and is accessed in no other way.
    #[inline]
    pub unsafe fn from_ptr<'a>(place: *mut T) -> &'a Self {
        // SAFETY: guaranteed by the caller.
        unsafe { &*place.cast() }
    }

    /// Where the value is.
    #[inline]
    pub const fn as_ptr(&self) -> *mut T {
        self.0.get()
    }

    /// Its value.
    #[inline(always)]
    pub fn load<O: AcquireOrRelaxed>(&self, _: O) -> T {
        // SAFETY: the value is there.
        unsafe { T::load(self.0.get(), O::CORE) }
    }

    /// Sets it.
    #[inline(always)]
    pub fn store<O: ReleaseOrRelaxed>(&self, value: T, _: O) {
        // SAFETY: the value is there.
        unsafe { T::store(self.0.get(), value, O::CORE) };
    }

    /// Sets it and gives what it was.
    #[inline(always)]
    pub fn xchg<O: Ordering>(&self, value: T, _: O) -> T {
        // SAFETY: the value is there.
        unsafe { T::swap(self.0.get(), value, O::CORE) }
    }

    /// Sets it if it is `old`. Gives what it was, as an error if that was something else.
    #[inline(always)]
    pub fn cmpxchg<O: Ordering>(&self, old: T, new: T, _: O) -> Result<T, T> {
        // SAFETY: the value is there.
        unsafe { T::exchange(self.0.get(), old, new, O::CORE) }
    }
}

impl<T: AtomicAdd> Atomic<T> {
    /// Adds to it.
    #[inline(always)]
    pub fn add(&self, value: T, _: Relaxed) {
        // SAFETY: the value is there.
        unsafe { T::plus(self.0.get(), value, Core::Relaxed) };
    }

    /// Adds to it and gives what it was.
    #[inline(always)]
    pub fn fetch_add<O: Ordering>(&self, value: T, _: O) -> T {
        // SAFETY: the value is there.
        unsafe { T::plus(self.0.get(), value, O::CORE) }
    }

    /// Subtracts from it and gives what it was.
    #[inline(always)]
    pub fn fetch_sub<O: Ordering>(&self, value: T, _: O) -> T {
        // SAFETY: the value is there.
        unsafe { T::minus(self.0.get(), value, O::CORE) }
    }
}

/// The `kernel` crate's reference count, of the same methods. What overflows or sinks below zero is
/// saturated by the kernel, with a warning in the log.
#[repr(transparent)]
pub struct Refcount(Atomic<i32>);

impl Refcount {
    /// One of that count.
    #[inline]
    pub fn new(value: i32) -> Self {
        Self(Atomic::new(value))
    }

    /// Its number.
    #[inline]
    pub fn as_atomic(&self) -> &Atomic<i32> {
        &self.0
    }

    /// Sets it.
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

    /// Drops a reference, as `refcount_dec_and_test()`. Was it the last one?
    #[inline]
    #[must_use = "who drops the last reference releases the structure"]
    pub fn dec_and_test(&self) -> bool {
        let old = self.0.fetch_sub(1, Full);
        if old <= 0 {
            self.warn_saturated(bindings::refcount_saturation_type_REFCOUNT_SUB_UAF);
        }
        old == 1
    }

    /// Saturates it.
    #[inline]
    pub(crate) fn warn_saturated(&self, why: bindings::refcount_saturation_type) {
        // SAFETY: it is transparent over such a count.
        unsafe { bindings::refcount_warn_saturate(self.0.as_ptr().cast(), why) };
    }
}
