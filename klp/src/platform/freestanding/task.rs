// SPDX-License-Identifier: GPL-2.0-only

//! The task that runs.

use super::bindings;
use super::wrappers::Mm;
use core::ops::Deref;
use core::ptr::NonNull;

/// A reference to the credentials of the task that runs.
///
/// C reads them, and knows how wide their count is.
///
/// # Safety
///
/// There is no requirement; the other platforms ask for one.
#[inline]
pub(crate) unsafe fn running_credentials<V>(
    _read: fn(&V) -> *const bindings::cred,
) -> NonNull<bindings::cred> {
    // SAFETY: the task that runs is alive, and its credentials are never `NULL`.
    unsafe { NonNull::new_unchecked(bindings::get_current_cred().cast_mut()) }
}

/// Sleeps a little.
#[inline]
pub(crate) fn relax() {
    // SAFETY: it only sleeps.
    unsafe { bindings::msleep(1) };
}

/// A reference to the memory of a program.
pub struct CurrentMm(NonNull<bindings::mm_struct>);

/// The memory of the program whose task runs; `None` in a thread of the kernel.
#[inline]
pub fn current_mm() -> Option<CurrentMm> {
    // SAFETY: the task that runs is alive.
    let mm = unsafe { bindings::get_task_mm(bindings::get_current()) };
    // Not `NULL`, it comes with a reference that is ours now.
    NonNull::new(mm).map(CurrentMm)
}

impl Deref for CurrentMm {
    type Target = Mm;

    #[inline]
    fn deref(&self) -> &Mm {
        // SAFETY: the reference keeps it. The wrapper is transparent.
        unsafe { self.0.cast().as_ref() }
    }
}

impl Drop for CurrentMm {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the reference is ours.
        unsafe { bindings::mmput(self.0.as_ptr()) };
    }
}
