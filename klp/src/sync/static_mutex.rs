// SPDX-License-Identifier: GPL-2.0-only

//! [`StaticMutex`], a mutex in a static of the patch.

use super::lock::{mode, Guard, Mutex};
use crate::platform::atomic::{Acquire, Atomic, Relaxed, Release};
use crate::platform::locks::{self, size};
use crate::view;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

/// The state of a mutex that is not initialised.
const NEW: i32 = 0;
/// The state of a mutex that is being initialised.
const BUSY: i32 = 1;
/// The state of an initialised mutex.
const READY: i32 = 2;

/// A mutex that is a `static` of the patch: the kernel's `struct mutex`, initialised when it is taken for
/// the first time.
///
/// ```
/// use klp::prelude::*;
/// use klp::sync::StaticMutex;
///
/// static TURN: StaticMutex = StaticMutex::new();
///
/// #[livepatch(object = "sessions", replaces = "session_scan",
///             description = "Scans one after the other", license = "GPL")]
/// fn session_scan(id: u32) -> Result {
///     let _guard = TURN.lock();
///     original(id)
/// }
/// # fn main() {}
/// ```
#[repr(C, align(16))]
pub struct StaticMutex {
    mutex: UnsafeCell<MaybeUninit<[u8; size::MUTEX]>>,
    /// The lock class, for lockdep.
    key: UnsafeCell<MaybeUninit<[u8; size::LOCK_CLASS_KEY]>>,
    /// [`NEW`], [`BUSY`] or [`READY`].
    state: Atomic<i32>,
}

// SAFETY: the state is an atomic. The task that changes it to `BUSY` has exclusive access to the mutex until it is
// `READY`; from then on any task may use the mutex. The key is only used by lockdep.
unsafe impl Sync for StaticMutex {}

impl StaticMutex {
    /// Creates a mutex that is not held.
    #[allow(clippy::new_without_default)] // Only for statics.
    pub const fn new() -> Self {
        Self {
            mutex: UnsafeCell::new(MaybeUninit::zeroed()),
            key: UnsafeCell::new(MaybeUninit::zeroed()),
            state: Atomic::new(NEW),
        }
    }

    /// Takes the mutex; sleeps until it is free.
    #[inline]
    pub fn lock(&'static self) -> Guard<'static, Mutex, mode::Exclusive> {
        if self.state.load(Acquire) != READY {
            self.init();
        }
        // SAFETY: initialised, and part of a static.
        let mutex: &'static Mutex = unsafe { view::at(self.mutex.get().cast()) };
        mutex.lock()
    }

    /// Initialises the mutex, or waits until another task has.
    #[cold]
    #[inline]
    fn init(&'static self) {
        if self.state.cmpxchg(NEW, BUSY, Acquire).is_ok() {
            // SAFETY: this task alone has changed the state from `NEW`, so nobody uses the mutex yet. Mutex and key
            // have the size and alignment of the C structures, and are static.
            unsafe { locks::mutex_init(self.mutex.get().cast(), self.key.get().cast()) };
            self.state.store(READY, Release);
        }
        while self.state.load(Relaxed) != READY {
            locks::relax();
        }
        // Orders the initialisation by another CPU before the following accesses.
        self.state.load(Acquire);
    }
}

#[cfg(test)]
mod tests {
    use super::StaticMutex;

    #[test]
    fn a_held_mutex_cannot_be_taken_again() {
        static MUTEX: StaticMutex = StaticMutex::new();
        for _ in 0..2 {
            let guard = MUTEX.lock();
            let again = std::panic::catch_unwind(|| drop(MUTEX.lock()));
            assert!(again.is_err(), "it is held");
            drop(guard);
        }
    }
}
