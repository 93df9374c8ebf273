// SPDX-License-Identifier: GPL-2.0-only

//! Locks and their guards.

use crate::platform::locks::{self, size};
use crate::platform::Result;
use crate::view::opaque;
use core::marker::PhantomData;

/// The modes in which a lock can be held, for the type of its [`Guard`].
pub mod mode {
    macro_rules! modes {
        ($($(#[$meta:meta])* $mode:ident)*) => {$(
            $(#[$meta])*
            pub enum $mode {}
        )*};
    }

    modes! {
        /// Held by one holder.
        Exclusive
        /// Held by one holder, with interrupts disabled; releasing enables them.
        ExclusiveIrq
        /// Held by one holder, with interrupts disabled; releasing restores their previous state.
        ExclusiveIrqSave
        /// Held by one holder, with softirqs disabled.
        ExclusiveBh
        /// Held by readers.
        Shared
        /// Held by readers, with interrupts disabled; releasing enables them.
        SharedIrq
        /// Held by readers, with interrupts disabled; releasing restores their previous state.
        SharedIrqSave
        /// Held by readers, with softirqs disabled.
        SharedBh
    }
}

/// A lock that can be held in the mode `M`.
///
/// ```
/// use klp::sync::{mode::Exclusive, Guard, Lock, Mutex, SpinLock};
///
/// /// Takes the guard of any exclusive lock.
/// fn under<L: Lock<Exclusive>>(_guard: &Guard<'_, L, Exclusive>) {}
///
/// fn both(mutex: &Mutex, spinlock: &SpinLock) {
///     under(&mutex.lock());
///     under(&spinlock.lock());
/// }
/// ```
///
/// # Safety
///
/// [`release`](Self::release) releases a lock that was taken in that mode.
pub unsafe trait Lock<M> {
    /// The state that is saved from taking the lock to releasing it: interrupt flags, or nothing.
    #[doc(hidden)]
    type Saved: Copy;

    /// Releases the lock.
    ///
    /// # Safety
    ///
    /// The caller holds the lock in that mode, and `saved` is from taking it.
    #[doc(hidden)]
    unsafe fn release(&self, saved: Self::Saved);
}

/// A guard that holds a lock until it is dropped.
///
/// The task that takes a lock has to release it, so a guard is not `Send`.
///
/// ```
/// use klp::sync::Mutex;
///
/// fn twice(mutex: &Mutex) {
///     let guard = mutex.lock();
///     drop(guard); // Released.
///     let _guard = mutex.lock(); // Released at the end of the function.
/// }
/// ```
#[must_use = "the lock is released when the guard is dropped: keep it in a variable such as `_guard`"]
pub struct Guard<'a, L: Lock<M>, M> {
    lock: &'a L,
    saved: L::Saved,
    mode: PhantomData<M>,
    task: PhantomData<*mut ()>,
}

impl<'a, L: Lock<M>, M> Guard<'a, L, M> {
    /// Creates a guard.
    ///
    /// # Safety
    ///
    /// The lock has just been taken in that mode, with the result `saved`.
    #[inline(always)]
    unsafe fn new(lock: &'a L, saved: L::Saved) -> Self {
        Self {
            lock,
            saved,
            mode: PhantomData,
            task: PhantomData,
        }
    }
}

impl<L: Lock<M>, M> Drop for Guard<'_, L, M> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the guard was created when the lock was taken, and releases it once.
        unsafe { self.lock.release(self.saved) };
    }
}

// A zeroed lock is not initialised for the kernel, so locks are claims there. The host's stand-ins are free if zeroed.
opaque! {
    /// The kernel's `struct mutex`.
    ///
    /// ```
    /// use klp::prelude::*;
    /// use klp::sync::Mutex;
    ///
    /// fn update(mutex: &Mutex) -> Result {
    ///     let _guard = mutex.lock_interruptible()?;
    ///     Ok(())
    /// }
    /// ```
    Mutex = "mutex", size::MUTEX, cfg!(kernel);
    /// The kernel's `spinlock_t`. With PREEMPT_RT, taking it may sleep, and leaves interrupts enabled.
    ///
    /// ```
    /// use klp::sync::SpinLock;
    ///
    /// fn in_any_context(lock: &SpinLock) {
    ///     let _guard = lock.lock_irqsave();
    /// }
    /// ```
    SpinLock = "spinlock_t", size::SPINLOCK, cfg!(kernel);
    /// The kernel's `raw_spinlock_t`.
    ///
    /// ```
    /// use klp::sync::RawSpinLock;
    ///
    /// fn if_free(lock: &RawSpinLock) -> bool {
    ///     lock.try_lock().is_some()
    /// }
    /// ```
    RawSpinLock = "raw_spinlock_t", size::RAW_SPINLOCK, cfg!(kernel);
    /// The kernel's `rwlock_t`. With PREEMPT_RT, taking it may sleep, and leaves interrupts enabled.
    ///
    /// ```
    /// use klp::sync::RwLock;
    ///
    /// fn shared_with_softirqs(lock: &RwLock) {
    ///     drop(lock.read_bh());
    ///     drop(lock.write_bh());
    /// }
    /// ```
    RwLock = "rwlock_t", size::RWLOCK, cfg!(kernel);
    /// The kernel's `struct rw_semaphore`.
    ///
    /// ```
    /// use klp::prelude::*;
    /// use klp::sync::RwSemaphore;
    ///
    /// fn inspect(lock: &RwSemaphore) -> Result {
    ///     let _guard = lock.read_killable()?;
    ///     Ok(())
    /// }
    /// ```
    RwSemaphore = "rw_semaphore", size::RW_SEMAPHORE, cfg!(kernel);
}

/// Implements methods that always take the lock: `method => mode by take release`, with `flags` if interrupt flags are
/// saved.
macro_rules! modes {
    ($lock:ident: $($(#[$meta:meta])* $method:ident => $mode:ident by $take:ident $release:ident $($flags:ident)?;)*) => {
        impl $lock {$(
            $(#[$meta])*
            #[inline(always)]
            pub fn $method(&self) -> Guard<'_, Self, mode::$mode> {
                // SAFETY: `self` is a lock of that kind, which C has initialised.
                let saved = unsafe { locks::$take(self.as_ptr()) };
                // SAFETY: just taken.
                unsafe { Guard::new(self, saved) }
            }
        )*}

        $(
            // SAFETY: the functions that take and release are a pair in C.
            unsafe impl Lock<mode::$mode> for $lock {
                type Saved = modes!(@saved $($flags)?);

                #[inline(always)]
                unsafe fn release(&self, saved: Self::Saved) {
                    // SAFETY: the caller holds the lock, and `saved` is from taking it.
                    unsafe { modes!(@release $release, self, saved $(, $flags)?) }
                }
            }
        )*
    };
    (@saved flags) => { usize };
    (@saved) => { () };
    (@release $release:ident, $lock:ident, $saved:ident, flags) => {
        locks::$release($lock.as_ptr(), $saved)
    };
    (@release $release:ident, $lock:ident, $saved:ident) => {{
        let () = $saved;
        locks::$release($lock.as_ptr())
    }};
}

/// Implements methods that take the lock only if it is free.
macro_rules! attempts {
    ($lock:ident: $($(#[$meta:meta])* $method:ident => $mode:ident by $take:ident;)*) => {
        impl $lock {$(
            $(#[$meta])*
            #[inline(always)]
            pub fn $method(&self) -> Option<Guard<'_, Self, mode::$mode>> {
                // SAFETY: `self` is a lock of that kind, which C has initialised.
                let taken = unsafe { locks::$take(self.as_ptr()) };
                // SAFETY: just taken.
                taken.then(|| unsafe { Guard::new(self, ()) })
            }
        )*}
    };
}

/// Implements methods that sleep until the lock is taken or a signal arrives.
macro_rules! waits {
    ($lock:ident: $($(#[$meta:meta])* $method:ident => $mode:ident by $take:ident;)*) => {
        impl $lock {$(
            $(#[$meta])*
            ///
            /// # Errors
            ///
            /// `EINTR`: a signal arrived first.
            #[inline(always)]
            pub fn $method(&self) -> Result<Guard<'_, Self, mode::$mode>> {
                // SAFETY: `self` is a lock of that kind, which C has initialised.
                unsafe { locks::$take(self.as_ptr())? };
                // SAFETY: just taken.
                Ok(unsafe { Guard::new(self, ()) })
            }
        )*}
    };
}

modes! { Mutex:
    /// Takes the mutex; sleeps until it is free.
    lock => Exclusive by mutex_lock mutex_unlock;
}

attempts! { Mutex:
    /// Takes the mutex if it is free.
    try_lock => Exclusive by mutex_trylock;
}

waits! { Mutex:
    /// Takes the mutex; sleeps until it is free, or until a signal arrives.
    lock_interruptible => Exclusive by mutex_lock_interruptible;
    /// Takes the mutex; sleeps until it is free, or until a fatal signal arrives.
    lock_killable => Exclusive by mutex_lock_killable;
}

modes! { SpinLock:
    /// Takes the lock.
    lock => Exclusive by spin_lock spin_unlock;
    /// Takes the lock and disables interrupts; releasing enables them.
    lock_irq => ExclusiveIrq by spin_lock_irq spin_unlock_irq;
    /// Takes the lock and disables interrupts; releasing restores their previous state.
    lock_irqsave => ExclusiveIrqSave by spin_lock_irqsave spin_unlock_irqrestore flags;
    /// Takes the lock and disables softirqs.
    lock_bh => ExclusiveBh by spin_lock_bh spin_unlock_bh;
}

attempts! { SpinLock:
    /// Takes the lock if it is free.
    try_lock => Exclusive by spin_trylock;
}

modes! { RawSpinLock:
    /// Takes the lock.
    lock => Exclusive by raw_spin_lock raw_spin_unlock;
    /// Takes the lock and disables interrupts; releasing enables them.
    lock_irq => ExclusiveIrq by raw_spin_lock_irq raw_spin_unlock_irq;
    /// Takes the lock and disables interrupts; releasing restores their previous state.
    lock_irqsave => ExclusiveIrqSave by raw_spin_lock_irqsave raw_spin_unlock_irqrestore flags;
    /// Takes the lock and disables softirqs.
    lock_bh => ExclusiveBh by raw_spin_lock_bh raw_spin_unlock_bh;
}

attempts! { RawSpinLock:
    /// Takes the lock if it is free.
    try_lock => Exclusive by raw_spin_trylock;
}

modes! { RwLock:
    /// Takes the lock for reading.
    read => Shared by read_lock read_unlock;
    /// Takes the lock for reading and disables interrupts; releasing enables them.
    read_irq => SharedIrq by read_lock_irq read_unlock_irq;
    /// Takes the lock for reading and disables interrupts; releasing restores their previous state.
    read_irqsave => SharedIrqSave by read_lock_irqsave read_unlock_irqrestore flags;
    /// Takes the lock for reading and disables softirqs.
    read_bh => SharedBh by read_lock_bh read_unlock_bh;
    /// Takes the lock for writing.
    write => Exclusive by write_lock write_unlock;
    /// Takes the lock for writing and disables interrupts; releasing enables them.
    write_irq => ExclusiveIrq by write_lock_irq write_unlock_irq;
    /// Takes the lock for writing and disables interrupts; releasing restores their previous state.
    write_irqsave => ExclusiveIrqSave by write_lock_irqsave write_unlock_irqrestore flags;
    /// Takes the lock for writing and disables softirqs.
    write_bh => ExclusiveBh by write_lock_bh write_unlock_bh;
}

attempts! { RwLock:
    /// Takes the lock for reading if it has no writer.
    try_read => Shared by read_trylock;
    /// Takes the lock for writing if it is free.
    try_write => Exclusive by write_trylock;
}

modes! { RwSemaphore:
    /// Takes the semaphore for reading; sleeps while it has a writer.
    read => Shared by down_read up_read;
    /// Takes the semaphore for writing; sleeps until it is free.
    write => Exclusive by down_write up_write;
}

waits! { RwSemaphore:
    /// Takes the semaphore for reading; sleeps while it has a writer, or until a fatal signal arrives.
    read_killable => Shared by down_read_killable;
    /// Takes the semaphore for writing; sleeps until it is free, or until a fatal signal arrives.
    write_killable => Exclusive by down_write_killable;
}

attempts! { RwSemaphore:
    /// Takes the semaphore for reading if it has no writer.
    try_read => Shared by down_read_trylock;
    /// Takes the semaphore for writing if it is free.
    try_write => Exclusive by down_write_trylock;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::MaybeUninit;

    fn free<L>() -> L {
        // SAFETY: zeroes are a valid value of the host's locks, which are then free.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }

    #[test]
    fn a_guard_releases_its_lock() {
        let mutex: Mutex = free();
        let guard = mutex.lock();
        assert!(mutex.try_lock().is_none());
        drop(guard);
        assert!(mutex.try_lock().is_some());
        drop(mutex.lock());
        assert!(mutex.lock_interruptible().is_ok() && mutex.lock_killable().is_ok());
    }

    #[test]
    fn a_spinlock_is_taken_in_four_modes() {
        fn all(lock: &SpinLock, raw: &RawSpinLock) {
            drop((lock.lock(), raw.lock()));
            drop((lock.lock_irq(), raw.lock_irq()));
            drop((lock.lock_irqsave(), raw.lock_irqsave()));
            drop((lock.lock_bh(), raw.lock_bh()));
            assert!(lock.try_lock().is_some() && raw.try_lock().is_some());
        }
        all(&free(), &free());
    }

    #[test]
    fn readers_share_a_lock_and_writers_do_not() {
        let lock: RwLock = free();
        let (first, second) = (lock.read(), lock.read_irqsave());
        assert!(lock.try_write().is_none());
        drop(first);
        assert!(lock.try_write().is_none() && lock.try_read().is_some());
        drop(second);
        let writer = lock.write_bh();
        assert!(lock.try_read().is_none());
        drop(writer);
        drop((lock.read_irq(), lock.read_bh()));
        drop(lock.write());
        drop(lock.write_irq());
        drop(lock.write_irqsave());
        assert!(lock.try_write().is_some());

        let semaphore: RwSemaphore = free();
        let readers = (semaphore.read(), semaphore.try_read());
        assert!(readers.1.is_some() && semaphore.try_write().is_none());
        drop(readers);
        assert!(semaphore.try_write().is_some());
        drop(semaphore.write());
        assert!(semaphore.read_killable().is_ok() && semaphore.write_killable().is_ok());
    }

    #[test]
    #[should_panic(expected = "the lock is already held")]
    fn a_deadlock_fails_a_test() {
        let mutex: Mutex = free();
        let _first = mutex.lock();
        let _second = mutex.lock();
    }
}
