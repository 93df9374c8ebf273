// SPDX-License-Identifier: GPL-2.0-only

//! The arm64 part of [`arch`](crate::arch).

use crate::platform::bindings::pt_regs;

/// The length of the patch site's instruction: the call to ftrace, or the nop in its place.
pub(crate) const TRACED_CALL: usize = 4;

/// The possible offsets of the patch site in a function: after the instruction that saves the link register, and with a
/// `bti` before that.
pub(crate) const TRACED_AT: [usize; 2] = [4, 8];

/// Rust's atomics are weaker: a kernel operation that returns a value is a full barrier.
#[cfg(klp_freestanding)]
pub(crate) const ATOMICS_ARE_KERNELS: bool = false;

/// Executes an invalid instruction: the kernel reports an oops at its address, and ends the task.
#[cfg(klp_freestanding)]
pub(crate) fn oops() -> ! {
    // SAFETY: nothing after it is executed.
    unsafe { core::arch::asm!("udf #0", options(noreturn)) }
}

/// Returns whether the module has the byte that marks it as not linked, and the byte is set. Logs an error then.
#[cfg(kernel)]
#[inline(always)]
pub(crate) fn unlinked() -> bool {
    let unlinked: u32;
    // SAFETY: reads a byte of the module if the symbol is defined, and calls `_printk()` with a text without
    // conversion specifiers.
    unsafe {
        core::arch::asm!(
            ".ifdef __klp_unlinked",
            "adrp x0, __klp_unlinked",
            "ldrb w0, [x0, :lo12:__klp_unlinked]",
            "cbz w0, 2f",
            "adrp x0, __klp_unlinked_text",
            "add x0, x0, :lo12:__klp_unlinked_text",
            "bl _printk",
            "mov w0, #1",
            "2:",
            ".else",
            "mov w0, wzr",
            ".endif",
            lateout("w0") unlinked,
            clobber_abi("C"),
        );
    }
    unlinked != 0
}

/// Implements `LoadWord` by assembly. Kernel code is built for strict alignment, so the compiler would load a value of
/// unknown alignment byte by byte.
macro_rules! loads {
    ($($instruction:literal: $($type:ty)*;)*) => {$($(
        #[cfg(not(miri))]
        impl $crate::arch::LoadWord for $type {
            #[inline(always)]
            unsafe fn load_word(place: *const u8) -> Self {
                let value;
                // SAFETY: the caller guarantees that `place` is readable.
                unsafe {
                    core::arch::asm!(
                        $instruction,
                        place = in(reg) place,
                        value = out(reg) value,
                        options(nostack, preserves_flags, readonly),
                    );
                }
                value
            }
        }
    )*)*};
}

loads! {
    "ldrb {value:w}, [{place}]": u8 i8;
    "ldrh {value:w}, [{place}]": u16 i16;
    "ldr {value:w}, [{place}]": u32 i32;
    "ldr {value}, [{place}]": u64 i64 usize isize;
}

words! {
    "strb {value:w}, [{place}]" reg: u8 i8;
    "strh {value:w}, [{place}]" reg: u16 i16;
    "str {value:w}, [{place}]" reg: u32 i32;
    "str {value}, [{place}]" reg: u64 i64 usize isize;
}

/// Stand-ins for the host build.
#[cfg(not(kernel))]
pub(crate) mod stand_in {
    /// The field of the kernel's `struct pt_regs` that holds arguments.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct pt_regs {
        pub regs: [u64; 31],
    }
}

/// Returns the general-purpose registers, x0 to x30.
///
/// # Safety
///
/// `regs` points to readable registers.
#[inline]
unsafe fn numbered(regs: *const pt_regs) -> [u64; 31] {
    #[cfg(kernel)]
    // SAFETY: the caller guarantees that `regs` is readable. Both members of the union begin with the registers.
    unsafe {
        (*regs).__bindgen_anon_1.user_regs.regs
    }
    #[cfg(not(kernel))]
    // SAFETY: the caller guarantees that `regs` is readable.
    unsafe {
        (*regs).regs
    }
}

/// Returns the arguments of a system call of a 64-bit program.
///
/// # Safety
///
/// `regs` points to readable registers.
#[inline]
pub(crate) unsafe fn syscall(regs: *const pt_regs) -> [usize; 6] {
    // SAFETY: the caller guarantees that `regs` is readable.
    let [a, b, c, d, e, f, ..] = unsafe { numbered(regs) };
    // CAST: a register has the size of an address.
    [a, b, c, d, e, f].map(|register| register as usize)
}

/// Returns the arguments of a system call of a 32-bit program, which are in the same registers.
///
/// # Safety
///
/// `regs` points to readable registers.
#[inline]
pub(crate) unsafe fn compat_syscall(regs: *const pt_regs) -> [usize; 6] {
    // SAFETY: the caller guarantees that `regs` is readable.
    unsafe { syscall(regs) }
}

/// Emits assembly outside of functions.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_asm {
    ($($line:expr,)+) => {
        ::core::arch::global_asm!($($line,)+);
    };
}

/// Defines the code that enters an original after its entry. The entry has one of two lengths: the longer one if the byte
/// is set.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_entry {
    ($call:literal $symbol:literal $byte:literal) => {
        $crate::livepatch_asm!(
            ".pushsection .data, \"aw\", @progbits",
            ::core::concat!("\"", $byte, "\": .byte 0"),
            ".popsection",
            ".pushsection .text, \"ax\", @progbits",
            ".p2align 3",
            ::core::concat!(".type \"", $call, "\", @function"),
            ::core::concat!("\"", $call, "\":"),
            // bti c
            "hint #34",
            ::core::concat!("adrp x16, \"", $byte, "\""),
            ::core::concat!("ldrb w16, [x16, :lo12:\"", $byte, "\"]"),
            "cbnz w16, 2f",
            ::core::concat!("b \"", $symbol, "\" + 8"),
            "2:",
            ::core::concat!("b \"", $symbol, "\" + 12"),
            ::core::concat!(".size \"", $call, "\", . - \"", $call, "\""),
            ".popsection",
        );
    };
}
