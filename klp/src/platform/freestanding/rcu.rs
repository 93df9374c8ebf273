// SPDX-License-Identifier: GPL-2.0-only

//! Reading under RCU.

use super::bindings;
use core::marker::PhantomData;

/// A read-side critical section, which ends when this is dropped. It belongs to its task.
pub struct Guard(PhantomData<*mut ()>);

/// Begins one.
#[inline]
pub fn read_lock() -> Guard {
    // SAFETY: the guard ends it.
    unsafe { bindings::rcu_read_lock() };
    Guard(PhantomData)
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it was begun, by this task.
        unsafe { bindings::rcu_read_unlock() };
    }
}
