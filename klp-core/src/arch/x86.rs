// SPDX-License-Identifier: GPL-2.0-only

//! 64-bit PCs.

/// `smp_load_acquire()` of a pointer.
///
/// # Safety
///
/// `place` is valid for reads, and whoever writes to it meanwhile does so atomically.
#[inline(always)]
pub(crate) unsafe fn load_acquire<T>(place: *const *mut T) -> *mut T {
    // SAFETY: the caller's; LKMM has a volatile access of this size for an atomic one.
    let value = unsafe { place.read_volatile() };
    // The processor does not move loads and stores before a load; this keeps the compiler from it.
    // SAFETY: no instruction; by default assembly may access all memory.
    unsafe { core::arch::asm!("", options(nostack, preserves_flags)) };
    value
}
