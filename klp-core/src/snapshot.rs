// SPDX-License-Identifier: GPL-2.0-only

//! Values that are read without a lock and replaced as a whole.
//!
//! Values are read where RCU may not be watching: ftrace can call the handler from the entry code.
//! Readers turn preemption off instead, and the writer waits until work has run on every CPU
//! ([`GracePeriods`]).

use crate::memory::Box;
use crate::sync::{const_unless_loom, AtomicPtr};
use core::marker::PhantomData;
use core::ptr;

/// Proof that preemption is off for as long as this lives.
pub struct NoPreempt<'a>(PhantomData<(&'a (), *const ())>);

impl NoPreempt<'_> {
    /// Makes the proof.
    ///
    /// # Safety
    ///
    /// Preemption is off until the value is dropped.
    #[inline(always)]
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

/// Proof that the core's mutex is held for as long as this lives.
pub struct Locked<'a>(PhantomData<(&'a (), *const ())>);

impl Locked<'_> {
    /// Makes the proof.
    ///
    /// # Safety
    ///
    /// The caller holds the core's mutex until the value is dropped.
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
    /// Waits until preemption was on at some time on every CPU.
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
    /// Makes a writer.
    ///
    /// # Safety
    ///
    /// It is the only writer of a snapshot, and used with that one only.
    pub const unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Snapshot<T> {
    const_unless_loom! {
        /// Makes a snapshot without a value.
        pub fn new() -> Self {
            // INVARIANT: null.
            Self {
                current: AtomicPtr::null(),
            }
        }
    }

    /// The current value.
    #[inline(always)]
    pub fn get<'a>(&'a self, _guard: &'a NoPreempt<'_>) -> Option<&'a T> {
        // Pairs with the release in `publish`: the value is seen complete, and later reads come after
        // it.
        let current = self.current.load_acquire();
        // SAFETY: by the invariant it is null or from a live box. A box is reclaimed only after a
        // grace period that begins after it was replaced, and none ends while `guard` lives.
        unsafe { current.as_ref() }
    }

    /// The current value, for the writer.
    pub fn current<'a>(&'a self, _writer: &'a Writer<T>) -> Option<&'a T> {
        // SAFETY: by the invariant it is null or from a live box. Replacing it needs the writer, which is
        // borrowed.
        unsafe { self.current.load().as_ref() }
    }

    /// Replaces the current value by `next`.
    pub fn publish(&self, _writer: &mut Writer<T>, next: Option<Box<T>>) -> Retired<T> {
        let next = next.map_or(ptr::null_mut(), Box::into_raw);
        // INVARIANT: `next` is from a box or null, and the caller has the writer.
        Retired(self.current.swap(next))
    }
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self::new()
    }
}

// A failing loom model must not use atomics while it unwinds.
#[cfg(not(loom))]
impl<T> Drop for Snapshot<T> {
    fn drop(&mut self) {
        let current = self.current.load();
        if !current.is_null() {
            // SAFETY: by the invariant it is from a live box, and references to the value borrow the snapshot.
            drop(unsafe { Box::from_raw(current) });
        }
    }
}

// SAFETY: it gives out shared references to `T` and boxes of `T` on any thread.
unsafe impl<T: Send + Sync> Sync for Snapshot<T> {}
// SAFETY: it owns a box of `T`.
unsafe impl<T: Send + Sync> Send for Snapshot<T> {}

/// A value that was replaced and may still have readers. Dropping this leaks the value.
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
        // SAFETY: by the invariant it is from a box that this owns; it was replaced before the grace period began, so
        // it has no readers.
        Some(unsafe { Box::from_raw(self.0) })
    }

    /// The value, which does not change any more.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: by the invariant it is null or lives as long as this; others only read it.
        unsafe { self.0.as_ref() }
    }
}
