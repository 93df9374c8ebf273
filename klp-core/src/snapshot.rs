// SPDX-License-Identifier: GPL-2.0-only

//! Values that are read without a lock and replaced as a whole.
//!
//! Reading happens where RCU may not be watching: in the redirect handler, which ftrace can call
//! from the entry code. What keeps a value alive there is that preemption is off; what ends the
//! wait for readers is work that ran on every CPU ([`GracePeriods`]).

use crate::memory::Box;
use crate::sync::{const_unless_loom, AtomicPtr};
use core::marker::PhantomData;
use core::ptr;

/// Preemption is off for as long as this lives.
pub struct NoPreempt<'a>(PhantomData<(&'a (), *const ())>);

impl NoPreempt<'_> {
    /// Says so.
    ///
    /// # Safety
    ///
    /// Preemption is off until the value is gone.
    #[inline(always)]
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

/// The core's mutex is held for as long as this lives.
pub struct Locked<'a>(PhantomData<(&'a (), *const ())>);

impl Locked<'_> {
    /// Says so.
    ///
    /// # Safety
    ///
    /// The caller holds the core's mutex until the value is gone.
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

impl core::fmt::Debug for Locked<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Locked")
    }
}

/// Waiting for readers.
///
/// # Safety
///
/// When [`GracePeriods::wait_for_cpus`] returns, all sections without preemption that ran when it was
/// called have ended.
pub unsafe trait GracePeriods {
    /// Waits until preemption was on at every CPU.
    fn wait_for_cpus(&self, lock: &Locked<'_>);
}

/// A published value, or none yet.
///
/// # Invariants
///
/// The pointer is null or came from [`Box::into_raw`], and is replaced only by the holder of the
/// one [`Writer`].
#[derive(Debug)]
pub struct Snapshot<T> {
    current: AtomicPtr<T>,
}

/// The right to replace the value of one [`Snapshot`].
#[derive(Debug)]
pub struct Writer<T>(PhantomData<T>);

impl<T> Writer<T> {
    /// Makes the right.
    ///
    /// # Safety
    ///
    /// There is one of it for a snapshot, and it is used with that one only.
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Snapshot<T> {
    const_unless_loom! {
        /// No value yet.
        pub fn new() -> Self {
            // INVARIANT: null.
            Self {
                current: AtomicPtr::null(),
            }
        }
    }

    /// The value as it is now.
    #[inline(always)]
    pub fn get<'a>(&'a self, _guard: &'a NoPreempt<'_>) -> Option<&'a T> {
        // Pairs with the release in `publish`: the value is seen complete. And what is read next is read
        // after it.
        let current = self.current.load_acquire();
        // SAFETY: by the invariant it is null or a live box's. A box is taken back only after a
        // grace period that begins after it was replaced, and none ends while `guard` lives.
        unsafe { current.as_ref() }
    }

    /// The value as it is now, for the one who can replace it.
    pub fn current<'a>(&'a self, _writer: &'a Writer<T>) -> Option<&'a T> {
        // SAFETY: as in `get`, but what keeps the value is that replacing it needs the writer,
        // which is borrowed.
        unsafe { self.current.load().as_ref() }
    }

    /// Puts `next` in the place of the current value.
    pub fn publish(&self, _writer: &mut Writer<T>, next: Option<Box<T>>) -> Retired<T> {
        let next = next.map_or(ptr::null_mut(), Box::into_raw);
        // INVARIANT: from a box or null, and we have the writer.
        Retired(self.current.swap(next))
    }
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self::new()
    }
}

// A model of loom that fails must not use atomics as it unwinds.
#[cfg(not(loom))]
impl<T> Drop for Snapshot<T> {
    fn drop(&mut self) {
        let current = self.current.load();
        if !current.is_null() {
            // SAFETY: by the invariant it is a live box's, and what was read from the snapshot has borrowed it.
            drop(unsafe { Box::from_raw(current) });
        }
    }
}

// SAFETY: hands out shared references to `T` on any thread, and boxes of it.
unsafe impl<T: Send + Sync> Sync for Snapshot<T> {}
// SAFETY: owns a box of `T`.
unsafe impl<T: Send + Sync> Send for Snapshot<T> {}

/// A value that was replaced and may still be read by others. Dropping it leaks the value.
///
/// # Invariants
///
/// The pointer is null or came from [`Box::into_raw`], and this is its owner.
#[derive(Debug)]
pub struct Retired<T>(*mut T);

impl<T> Retired<T> {
    /// Waits for a grace period, and returns the value. Without a value it does not wait.
    pub fn reclaim_after(self, readers: &impl GracePeriods, lock: &Locked<'_>) -> Option<Box<T>> {
        if self.0.is_null() {
            return None;
        }
        readers.wait_for_cpus(lock);
        // SAFETY: by the invariant; it was replaced before the grace period began, so it has no readers.
        Some(unsafe { Box::from_raw(self.0) })
    }

    /// The value. It does not change any more.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: by the invariant it lives as long as this does; others only read it.
        unsafe { self.0.as_ref() }
    }
}
