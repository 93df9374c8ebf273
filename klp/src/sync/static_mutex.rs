// SPDX-License-Identifier: GPL-2.0-only

//! A mutex in a static of the patch.

use super::lock::{mode, Guard, Mutex};
use crate::platform::atomic::{Acquire, Atomic, Relaxed, Release};
use crate::platform::locks::{self, size};
use crate::view;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

/// Not initialised.
const NEW: i32 = 0;
/// Being initialised.
const BUSY: i32 = 1;
/// Initialised.
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
    /// Its lock class for lockdep.
    key: UnsafeCell<MaybeUninit<[u8; size::LOCK_CLASS_KEY]>>,
    /// [`NEW`], [`BUSY`] or [`READY`].
    state: Atomic<i32>,
}

// SAFETY: the state is an atomic. Who changes it to `BUSY` has the mutex for himself until it is `READY`,
// and then the mutex is one for all. The key is lockdep's.
unsafe impl Sync for StaticMutex {}

impl StaticMutex {
    /// A mutex that is free.
    #[allow(clippy::new_without_default)] // It is for statics.
    pub const fn new() -> Self {
        Self {
            mutex: UnsafeCell::new(MaybeUninit::zeroed()),
            key: UnsafeCell::new(MaybeUninit::zeroed()),
            state: Atomic::new(NEW),
        }
    }

    /// Takes it; sleeps until it is free.
    #[inline]
    pub fn lock(&'static self) -> Guard<'static, Mutex, mode::Exclusive> {
        if self.state.load(Acquire) != READY {
            self.init();
        }
        // SAFETY: initialised, and part of a static.
        let mutex: &'static Mutex = unsafe { view::at(self.mutex.get().cast()) };
        mutex.lock()
    }

    /// Initialises it, or waits until another task has.
    #[cold]
    #[inline]
    fn init(&'static self) {
        if self.state.cmpxchg(NEW, BUSY, Acquire).is_ok() {
            // SAFETY: nobody else has changed the state from `NEW`, so nobody uses the mutex yet. Both
            // are as large as in C, aligned for it, and static.
            unsafe { locks::mutex_init(self.mutex.get().cast(), self.key.get().cast()) };
            self.state.store(READY, Release);
        }
        while self.state.load(Relaxed) != READY {
            locks::relax();
        }
        // Orders the initialisation by another CPU before what follows.
        self.state.load(Acquire);
    }
}

#[cfg(test)]
mod tests {
    use super::StaticMutex;

    #[test]
    fn it_is_held_by_one() {
        static MUTEX: StaticMutex = StaticMutex::new();
        for _ in 0..2 {
            let guard = MUTEX.lock();
            let again = std::panic::catch_unwind(|| drop(MUTEX.lock()));
            assert!(again.is_err(), "it is held");
            drop(guard);
        }
    }
}
