// SPDX-License-Identifier: GPL-2.0-only

//! x86-64.

/// `smp_load_acquire()` of a pointer.
///
/// # Safety
///
/// `place` is valid for reads, and concurrent writes to it are atomic.
#[inline(always)]
pub(crate) unsafe fn load_acquire<T>(place: *const *mut T) -> *mut T {
    // SAFETY: the caller promises that `place` is valid for reads; in LKMM a volatile access of this size is atomic.
    let value = unsafe { place.read_volatile() };
    // The processor does not reorder later accesses before a load; this keeps the compiler from doing so.
    // SAFETY: it emits no instruction; by default assembly may access all memory.
    unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
    value
}
