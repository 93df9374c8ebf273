// SPDX-License-Identifier: GPL-2.0-only

//! 64-bit Arm.

/// `smp_load_acquire()` of a pointer.
///
/// # Safety
///
/// `place` is valid for reads, and concurrent writes to it are atomic.
#[inline(always)]
pub(crate) unsafe fn load_acquire<T>(place: *const *mut T) -> *mut T {
    let value: *mut T;
    // SAFETY: the caller promises that `place` is valid for reads; by default assembly may access all memory, so
    // the compiler moves no access across it.
    unsafe {
        core::arch::asm!(
            "ldar {value}, [{place}]",
            value = out(reg) value,
            place = in(reg) place,
            options(nostack, preserves_flags),
        );
    }
    value
}
