// SPDX-License-Identifier: GPL-2.0-only

//! Atomics of the kernel's memory model (LKMM, `tools/memory-model/`).
//!
//! In the kernel these are the `kernel` crate's; on the host they are Rust's; and with `--cfg loom`
//! they are those of the model checker `loom`, which runs their users in all orders that they allow.
//! Where they differ, the host's are the weakest, so no proof relies on an order that the kernel does not
//! guarantee.

#[cfg(kernel)]
pub(crate) use lkmm::{AtomicInt, AtomicPtr};
#[cfg(not(kernel))]
pub(crate) use modelled::{AtomicInt, AtomicPtr};

/// Makes functions `const`, except under loom, whose atomics cannot be made at compile time.
macro_rules! const_unless_loom {
    ($(#[$attribute:meta])* $visibility:vis fn $($rest:tt)*) => {
        #[cfg(not(loom))]
        $(#[$attribute])*
        $visibility const fn $($rest)*
        #[cfg(loom)]
        $(#[$attribute])*
        $visibility fn $($rest)*
    };
}
pub(crate) use const_unless_loom;

#[cfg(kernel)]
mod lkmm {
    #[cfg(not(MODULE))]
    use ::kernel::sync::atomic::Release;
    use ::kernel::sync::atomic::{Atomic, Full, Relaxed};
    use core::ptr;

    // Loads implement the kernel's READ_ONCE() and smp_load_acquire() inline: the `kernel` crate calls C
    // functions for them, which is slow, and the ftrace handler must not call anything that can be traced.

    /// A number.
    #[repr(transparent)]
    pub(crate) struct AtomicInt(Atomic<i32>);

    impl AtomicInt {
        pub(crate) const fn new(value: i32) -> Self {
            Self(Atomic::new(value))
        }

        /// `READ_ONCE()`.
        #[inline(always)]
        pub(crate) fn load(&self) -> i32 {
            // SAFETY: `as_ptr` is valid; in LKMM a volatile access of this size is atomic.
            unsafe { self.0.as_ptr().read_volatile() }
        }

        /// `WRITE_ONCE()`.
        pub(crate) fn store(&self, value: i32) {
            self.0.store(value, Relaxed);
        }
    }

    impl core::fmt::Debug for AtomicInt {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            self.load().fmt(f)
        }
    }

    /// A pointer.
    #[repr(transparent)]
    pub(crate) struct AtomicPtr<T>(Atomic<*mut T>);

    impl<T> AtomicPtr<T> {
        pub(crate) const fn null() -> Self {
            Self(Atomic::new(ptr::null_mut()))
        }

        /// `READ_ONCE()`.
        #[inline(always)]
        pub(crate) fn load(&self) -> *mut T {
            // SAFETY: `as_ptr` is valid; in LKMM a volatile access of this size is atomic.
            unsafe { self.0.as_ptr().read_volatile() }
        }

        /// `smp_load_acquire()`.
        #[inline(always)]
        pub(crate) fn load_acquire(&self) -> *mut T {
            // SAFETY: `as_ptr` is valid, and all writes are atomic: those of the functions below.
            unsafe { crate::arch::load_acquire(self.0.as_ptr()) }
        }

        /// `WRITE_ONCE()`.
        #[cfg(not(MODULE))]
        pub(crate) fn store(&self, value: *mut T) {
            self.0.store(value, Relaxed);
        }

        /// `smp_store_release()`.
        #[cfg(not(MODULE))]
        pub(crate) fn store_release(&self, value: *mut T) {
            self.0.store(value, Release);
        }

        /// `xchg()`: a full barrier on both sides.
        pub(crate) fn swap(&self, value: *mut T) -> *mut T {
            self.0.xchg(value, Full)
        }
    }

    impl<T> core::fmt::Debug for AtomicPtr<T> {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            self.load().fmt(f)
        }
    }
}

#[cfg(not(kernel))]
mod modelled {
    use crate::fault::{self, Fault};
    #[cfg(not(loom))]
    use core::sync::atomic as rust;
    #[cfg(loom)]
    use loom::sync::atomic as rust;
    use rust::Ordering::{AcqRel, Acquire, Relaxed};

    /// A number.
    #[derive(Debug)]
    pub(crate) struct AtomicInt(rust::AtomicI32);

    impl AtomicInt {
        const_unless_loom! {
            pub(crate) fn new(value: i32) -> Self {
                Self(rust::AtomicI32::new(value))
            }
        }

        /// `READ_ONCE()`.
        pub(crate) fn load(&self) -> i32 {
            self.0.load(Relaxed)
        }

        /// `WRITE_ONCE()`.
        pub(crate) fn store(&self, value: i32) {
            self.0.store(value, Relaxed);
        }
    }

    /// A pointer.
    #[derive(Debug)]
    pub(crate) struct AtomicPtr<T>(rust::AtomicPtr<T>);

    impl<T> AtomicPtr<T> {
        const_unless_loom! {
            pub(crate) fn null() -> Self {
                Self(rust::AtomicPtr::new(core::ptr::null_mut()))
            }
        }

        /// `READ_ONCE()`.
        pub(crate) fn load(&self) -> *mut T {
            self.0.load(Relaxed)
        }

        /// `smp_load_acquire()`.
        pub(crate) fn load_acquire(&self) -> *mut T {
            if fault::is_injected(Fault::UnorderedRead) {
                return self.load();
            }
            self.0.load(Acquire)
        }

        /// `xchg()`, whose order is stronger in the kernel.
        pub(crate) fn swap(&self, value: *mut T) -> *mut T {
            if fault::is_injected(Fault::UnorderedPublish) {
                return self.0.swap(value, Relaxed);
            }
            self.0.swap(value, AcqRel)
        }
    }
}

/// Detects writes to a value while it is read without a lock, under loom. Empty elsewhere.
#[derive(Debug)]
pub(crate) struct RaceCheck {
    #[cfg(loom)]
    accesses: loom::cell::UnsafeCell<()>,
}

impl RaceCheck {
    const_unless_loom! {
        pub(crate) fn new() -> Self {
            Self {
                #[cfg(loom)]
                accesses: loom::cell::UnsafeCell::new(()),
            }
        }
    }

    /// Calls `read`, and marks the value as being read meanwhile.
    #[inline(always)]
    pub(crate) fn reading<R>(&self, read: impl FnOnce() -> R) -> R {
        #[cfg(loom)]
        let _guard = self.accesses.get();
        read()
    }

    /// Marks the value as about to be written by its only user.
    #[inline(always)]
    pub(crate) fn writing(&self) {
        #[cfg(loom)]
        drop(self.accesses.get_mut());
    }
}

#[cfg(all(test, not(kernel)))]
impl Default for RaceCheck {
    fn default() -> Self {
        Self::new()
    }
}

/// Freeing counts as writing.
#[cfg(loom)]
impl Drop for RaceCheck {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.writing();
        }
    }
}
