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
        /// By one holder.
        Exclusive
        /// By one holder, and the CPU's interrupts are off.
        ExclusiveIrq
        /// The same; releasing restores interrupts.
        ExclusiveIrqSave
        /// By one holder, and the CPU runs no softirqs.
        ExclusiveBh
        /// By readers.
        Shared
        /// By readers, and the CPU's interrupts are off.
        SharedIrq
        /// The same; releasing restores interrupts.
        SharedIrqSave
        /// By readers, and the CPU runs no softirqs.
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
    /// What taking it gives and releasing it takes.
    #[doc(hidden)]
    type Saved: Copy;

    /// Releases it.
    ///
    /// # Safety
    ///
    /// The caller holds it in that mode, and `saved` is from taking it.
    #[doc(hidden)]
    unsafe fn release(&self, saved: Self::Saved);
}

/// Holds a lock until it is dropped.
///
/// The task that takes a lock releases it, so a guard is not `Send`.
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
    /// # Safety
    ///
    /// The lock has just been taken in that mode, which gave `saved`.
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
        // SAFETY: the guard was made when the lock was taken, and is gone after this.
        unsafe { self.lock.release(self.saved) };
    }
}

// A structure of zeroes has no lock that the kernel could take. The host's stand-ins are free then.
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
    /// The kernel's `spinlock_t`. With PREEMPT_RT it sleeps, and leaves interrupts enabled.
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
    /// The kernel's `rwlock_t`. With PREEMPT_RT it sleeps, and leaves interrupts enabled.
    ///
    /// ```
    /// use klp::sync::RwLock;
    ///
    /// fn with_softirqs(lock: &RwLock) {
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
    /// fn look(lock: &RwSemaphore) -> Result {
    ///     let _guard = lock.read_killable()?;
    ///     Ok(())
    /// }
    /// ```
    RwSemaphore = "rw_semaphore", size::RW_SEMAPHORE, cfg!(kernel);
}

/// `method => mode, by the functions that take and release`; those that keep flags in between say so.
macro_rules! modes {
    ($lock:ident: $($(#[$meta:meta])* $method:ident => $mode:ident by $take:ident $release:ident $($flags:ident)?;)*) => {
        impl $lock {$(
            $(#[$meta])*
            #[inline(always)]
            pub fn $method(&self) -> Guard<'_, Self, mode::$mode> {
                // SAFETY: a lock of that kind, which C has initialised.
                let saved = unsafe { locks::$take(self.as_ptr()) };
                // SAFETY: just taken.
                unsafe { Guard::new(self, saved) }
            }
        )*}

        $(
            // SAFETY: they are a pair in C.
            unsafe impl Lock<mode::$mode> for $lock {
                type Saved = modes!(@saved $($flags)?);

                #[inline(always)]
                unsafe fn release(&self, saved: Self::Saved) {
                    // SAFETY: the caller guarantees both.
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

macro_rules! attempts {
    ($lock:ident: $($(#[$meta:meta])* $method:ident => $mode:ident by $take:ident;)*) => {
        impl $lock {$(
            $(#[$meta])*
            #[inline(always)]
            pub fn $method(&self) -> Option<Guard<'_, Self, mode::$mode>> {
                // SAFETY: a lock of that kind, which C has initialised.
                let taken = unsafe { locks::$take(self.as_ptr()) };
                // SAFETY: just taken.
                taken.then(|| unsafe { Guard::new(self, ()) })
            }
        )*}
    };
}

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
                // SAFETY: a lock of that kind, which C has initialised.
                unsafe { locks::$take(self.as_ptr())? };
                // SAFETY: just taken.
                Ok(unsafe { Guard::new(self, ()) })
            }
        )*}
    };
}

modes! { Mutex:
    /// Takes it; sleeps until it is free.
    lock => Exclusive by mutex_lock mutex_unlock;
}

attempts! { Mutex:
    /// Takes it if it is free.
    try_lock => Exclusive by mutex_trylock;
}

waits! { Mutex:
    /// Takes it; sleeps until it is free, or until a signal arrives.
    lock_interruptible => Exclusive by mutex_lock_interruptible;
    /// Takes it; sleeps until it is free, or until a fatal signal.
    lock_killable => Exclusive by mutex_lock_killable;
}

modes! { SpinLock:
    /// Takes it.
    lock => Exclusive by spin_lock spin_unlock;
    /// Takes it and disables interrupts.
    lock_irq => ExclusiveIrq by spin_lock_irq spin_unlock_irq;
    /// Takes it and disables interrupts; releasing restores them.
    lock_irqsave => ExclusiveIrqSave by spin_lock_irqsave spin_unlock_irqrestore flags;
    /// Takes it and disables softirqs.
    lock_bh => ExclusiveBh by spin_lock_bh spin_unlock_bh;
}

attempts! { SpinLock:
    /// Takes it if it is free.
    try_lock => Exclusive by spin_trylock;
}

modes! { RawSpinLock:
    /// Takes it.
    lock => Exclusive by raw_spin_lock raw_spin_unlock;
    /// Takes it and disables interrupts.
    lock_irq => ExclusiveIrq by raw_spin_lock_irq raw_spin_unlock_irq;
    /// Takes it and disables interrupts; releasing restores them.
    lock_irqsave => ExclusiveIrqSave by raw_spin_lock_irqsave raw_spin_unlock_irqrestore flags;
    /// Takes it and disables softirqs.
    lock_bh => ExclusiveBh by raw_spin_lock_bh raw_spin_unlock_bh;
}

attempts! { RawSpinLock:
    /// Takes it if it is free.
    try_lock => Exclusive by raw_spin_trylock;
}

modes! { RwLock:
    /// Takes it for reading.
    read => Shared by read_lock read_unlock;
    /// Takes it for reading and disables interrupts.
    read_irq => SharedIrq by read_lock_irq read_unlock_irq;
    /// Takes it for reading and disables interrupts; releasing restores them.
    read_irqsave => SharedIrqSave by read_lock_irqsave read_unlock_irqrestore flags;
    /// Takes it for reading and disables softirqs.
    read_bh => SharedBh by read_lock_bh read_unlock_bh;
    /// Takes it for writing.
    write => Exclusive by write_lock write_unlock;
    /// Takes it for writing and disables interrupts.
    write_irq => ExclusiveIrq by write_lock_irq write_unlock_irq;
    /// Takes it for writing and disables interrupts; releasing restores them.
    write_irqsave => ExclusiveIrqSave by write_lock_irqsave write_unlock_irqrestore flags;
    /// Takes it for writing and disables softirqs.
    write_bh => ExclusiveBh by write_lock_bh write_unlock_bh;
}

attempts! { RwLock:
    /// Takes it for reading if it has no writer.
    try_read => Shared by read_trylock;
    /// Takes it for writing if it is free.
    try_write => Exclusive by write_trylock;
}

modes! { RwSemaphore:
    /// Takes it for reading; sleeps while it has a writer.
    read => Shared by down_read up_read;
    /// Takes it for writing; sleeps until it is free.
    write => Exclusive by down_write up_write;
}

waits! { RwSemaphore:
    /// Takes it for reading; sleeps while it has a writer, or until a fatal signal.
    read_killable => Shared by down_read_killable;
    /// Takes it for writing; sleeps until it is free, or until a fatal signal.
    write_killable => Exclusive by down_write_killable;
}

attempts! { RwSemaphore:
    /// Takes it for reading if it has no writer.
    try_read => Shared by down_read_trylock;
    /// Takes it for writing if it is free.
    try_write => Exclusive by down_write_trylock;
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::mem::MaybeUninit;

    fn free<L>() -> L {
        // SAFETY: of zeroes, the host's locks are free.
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
    #[should_panic(expected = "the lock is held already")]
    fn a_deadlock_fails_a_test() {
        let mutex: Mutex = free();
        let _first = mutex.lock();
        let _second = mutex.lock();
    }
}
