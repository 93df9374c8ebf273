// SPDX-License-Identifier: GPL-2.0-only

//! Stand-ins for the kernel's locks. They count their holders and never wait: a test that takes
//! a held lock panics, where the kernel would deadlock.

use super::Result;
use std::sync::atomic::{AtomicU8, Ordering};

/// The sizes of the locks: a byte, the number of holders.
pub(crate) mod size {
    pub(crate) const MUTEX: usize = 1;
    pub(crate) const LOCK_CLASS_KEY: usize = 0;
    pub(crate) const SPINLOCK: usize = 1;
    pub(crate) const RAW_SPINLOCK: usize = 1;
    pub(crate) const RWLOCK: usize = 1;
    pub(crate) const RW_SEMAPHORE: usize = 1;
}

/// Does nothing: a zeroed lock is free.
///
/// # Safety
///
/// No requirements; the kernel's function has some.
pub(crate) unsafe fn mutex_init(_mutex: *mut u8, _key: *mut u8) {}

/// Lets other threads run.
pub(crate) fn relax() {
    std::thread::yield_now();
}

/// The number of holders that stands for one exclusive holder.
const EXCLUSIVE: u8 = u8::MAX;

/// The flags that `spin_lock_irqsave()` returns.
const FLAGS: usize = 0x200;

/// Returns the number of holders.
///
/// # Safety
///
/// `lock` is a lock that lives for `'a`.
unsafe fn holders<'a>(lock: *mut u8) -> &'a AtomicU8 {
    // SAFETY: guaranteed by the caller; a byte has alignment 1.
    unsafe { AtomicU8::from_ptr(lock) }
}

/// Takes the lock exclusively if it is free.
///
/// # Safety
///
/// `lock` is a lock.
unsafe fn try_exclusive(lock: *mut u8) -> bool {
    // SAFETY: guaranteed by the caller.
    let holders = unsafe { holders(lock) };
    holders
        .compare_exchange(0, EXCLUSIVE, Ordering::Acquire, Ordering::Relaxed)
        .is_ok()
}

/// Takes the lock for reading if it has no exclusive holder.
///
/// # Safety
///
/// `lock` is a lock.
unsafe fn try_shared(lock: *mut u8) -> bool {
    // SAFETY: guaranteed by the caller.
    let holders = unsafe { holders(lock) };
    let more = |count: u8| (count < EXCLUSIVE - 1).then(|| count + 1);
    holders
        .fetch_update(Ordering::Acquire, Ordering::Relaxed, more)
        .is_ok()
}

/// Takes the lock exclusively; panics if it is held.
///
/// # Safety
///
/// `lock` is a lock.
unsafe fn exclusive(lock: *mut u8) {
    // SAFETY: guaranteed by the caller.
    assert!(unsafe { try_exclusive(lock) }, "the lock is already held");
}

/// Takes the lock for reading; panics if it has an exclusive holder.
///
/// # Safety
///
/// `lock` is a lock.
unsafe fn shared(lock: *mut u8) {
    // SAFETY: guaranteed by the caller.
    assert!(unsafe { try_shared(lock) }, "the lock is already held");
}

/// Releases the lock; panics if it is not held.
///
/// # Safety
///
/// `lock` is a lock that the caller holds.
unsafe fn release(lock: *mut u8) {
    // SAFETY: guaranteed by the caller.
    let holders = unsafe { holders(lock) };
    let fewer = |count| match count {
        0 => None,
        EXCLUSIVE => Some(0),
        shared => Some(shared - 1),
    };
    let released = holders.fetch_update(Ordering::Release, Ordering::Relaxed, fewer);
    assert!(released.is_ok(), "the lock is not held");
}

macro_rules! stand_ins {
    ($($kind:ident: $($name:ident)*;)*) => {$($( stand_ins!(@ $kind $name); )*)*};
    (@ exclusive $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { exclusive(lock) };
        }
    };
    (@ shared $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { shared(lock) };
        }
    };
    (@ try_exclusive $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) -> bool {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { try_exclusive(lock) }
        }
    };
    (@ try_shared $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) -> bool {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { try_shared(lock) }
        }
    };
    (@ exclusive_wait $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) -> Result {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { exclusive(lock) };
            Ok(())
        }
    };
    (@ shared_wait $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) -> Result {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { shared(lock) };
            Ok(())
        }
    };
    (@ exclusive_flags $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) -> usize {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { exclusive(lock) };
            FLAGS
        }
    };
    (@ shared_flags $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) -> usize {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { shared(lock) };
            FLAGS
        }
    };
    (@ release $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8) {
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { release(lock) };
        }
    };
    (@ release_flags $name:ident) => {
        pub(crate) unsafe fn $name(lock: *mut u8, flags: usize) {
            assert_eq!(flags, FLAGS);
            // SAFETY: the caller guarantees that the lock exists.
            unsafe { release(lock) };
        }
    };
}

stand_ins! {
    exclusive:
        mutex_lock spin_lock spin_lock_irq spin_lock_bh raw_spin_lock raw_spin_lock_irq raw_spin_lock_bh
        write_lock write_lock_irq write_lock_bh down_write;
    shared: read_lock read_lock_irq read_lock_bh down_read;
    try_exclusive: mutex_trylock spin_trylock raw_spin_trylock write_trylock down_write_trylock;
    try_shared: read_trylock down_read_trylock;
    exclusive_wait: mutex_lock_interruptible mutex_lock_killable down_write_killable;
    shared_wait: down_read_killable;
    exclusive_flags: spin_lock_irqsave raw_spin_lock_irqsave write_lock_irqsave;
    shared_flags: read_lock_irqsave;
    release:
        mutex_unlock spin_unlock spin_unlock_irq spin_unlock_bh raw_spin_unlock raw_spin_unlock_irq
        raw_spin_unlock_bh read_unlock read_unlock_irq read_unlock_bh write_unlock write_unlock_irq
        write_unlock_bh up_read up_write;
    release_flags:
        spin_unlock_irqrestore raw_spin_unlock_irqrestore read_unlock_irqrestore
        write_unlock_irqrestore;
}
