// SPDX-License-Identifier: GPL-2.0-only

//! 64-bit Arm.

/// `smp_load_acquire()` of a pointer.
///
/// # Safety
///
/// `place` is valid for reads, and whoever writes to it meanwhile does so atomically.
#[inline(always)]
pub(crate) unsafe fn load_acquire<T>(place: *const *mut T) -> *mut T {
    let value: *mut T;
    // SAFETY: it reads where the caller allows it; by default assembly may access all memory, so the compiler
    // moves no access to the other side.
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
