// SPDX-License-Identifier: GPL-2.0-only

//! RCU read-side critical sections.

use super::bindings;
use core::marker::PhantomData;

/// A read-side critical section, which ends when this is dropped. It is not `Send`.
pub struct Guard(PhantomData<*mut ()>);

/// Begins a read-side critical section.
#[inline]
pub fn read_lock() -> Guard {
    // SAFETY: the guard ends the critical section.
    unsafe { bindings::rcu_read_lock() };
    Guard(PhantomData)
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: this task began the critical section in `read_lock()`.
        unsafe { bindings::rcu_read_unlock() };
    }
}
