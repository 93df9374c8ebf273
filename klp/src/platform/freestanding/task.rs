// SPDX-License-Identifier: GPL-2.0-only

//! The current task's memory and credentials.

use super::bindings;
use super::wrappers::Mm;
use core::ops::Deref;
use core::ptr::NonNull;

/// Returns a reference to the credentials of the current task.
///
/// C takes the reference, because the size of the count depends on the kernel.
///
/// # Safety
///
/// No requirements; the platform for kernels with Rust has one.
#[inline]
pub(crate) unsafe fn running_credentials<V>(
    _read: fn(&V) -> *const bindings::cred,
) -> NonNull<bindings::cred> {
    // SAFETY: the current task is alive, and its credentials are never `NULL`.
    unsafe { NonNull::new_unchecked(bindings::get_current_cred().cast_mut()) }
}

/// Sleeps for a millisecond.
#[inline]
pub(crate) fn relax() {
    // SAFETY: `msleep()` has no requirements but a context that may sleep, as a mutex requires too.
    unsafe { bindings::msleep(1) };
}

/// A reference to the memory of a process.
pub struct CurrentMm(NonNull<bindings::mm_struct>);

/// Returns the memory of the current process; `None` in a kernel thread.
#[inline]
pub fn current_mm() -> Option<CurrentMm> {
    // SAFETY: the current task is alive.
    let mm = unsafe { bindings::get_task_mm(bindings::get_current()) };
    // If not `NULL`, it comes with a reference that the result takes over.
    NonNull::new(mm).map(CurrentMm)
}

impl Deref for CurrentMm {
    type Target = Mm;

    #[inline]
    fn deref(&self) -> &Mm {
        // SAFETY: the reference keeps the structure alive. The wrapper is transparent.
        unsafe { self.0.cast().as_ref() }
    }
}

impl Drop for CurrentMm {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `self` holds the reference, and does not use it any more.
        unsafe { bindings::mmput(self.0.as_ptr()) };
    }
}
