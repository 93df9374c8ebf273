// SPDX-License-Identifier: GPL-2.0-only

//! arm64.

use crate::platform::bindings::pt_regs;

/// The length of the call, or of the nop in its place, that ftrace changes.
pub(crate) const TRACED_CALL: usize = 4;

/// Where in a function that call is: behind the instruction that keeps the link register, and behind a `bti` before
/// that.
pub(crate) const TRACED_AT: [usize; 2] = [4, 8];

/// Rust's are weaker than the kernel's: an operation that returns a value is a full barrier there.
#[cfg(klp_freestanding)]
pub(crate) const ATOMICS_ARE_KERNELS: bool = false;

/// Whether the module has the byte that says that it was not linked, and that is set. The log is told then.
#[cfg(kernel)]
#[inline(always)]
pub(crate) fn unlinked() -> bool {
    let unlinked: u32;
    // SAFETY: reads a byte of the module, where there is one, and calls a C function with a text that has
    // no placeholders.
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

/// The instructions that load a value. Code of the kernel does without unaligned accesses, so the compiler would load a value
/// whose alignment it does not know byte by byte.
macro_rules! loads {
    ($($instruction:literal: $($type:ty)*;)*) => {$($(
        #[cfg(not(miri))]
        impl $crate::arch::LoadWord for $type {
            #[inline(always)]
            unsafe fn load_word(place: *const u8) -> Self {
                let value;
                // SAFETY: reads a place that the caller vouches for.
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

/// Where there is no kernel.
#[cfg(not(kernel))]
pub(crate) mod stand_in {
    /// The field of the kernel's structure that holds arguments.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct pt_regs {
        pub regs: [u64; 31],
    }
}

/// The numbered registers.
///
/// # Safety
///
/// They can be read.
#[inline]
unsafe fn numbered(regs: *const pt_regs) -> [u64; 31] {
    #[cfg(kernel)]
    // SAFETY: as the caller vouches. Both members of the union begin with them.
    unsafe {
        (*regs).__bindgen_anon_1.user_regs.regs
    }
    #[cfg(not(kernel))]
    // SAFETY: as the caller vouches.
    unsafe {
        (*regs).regs
    }
}

/// The arguments of a system call of a 64-bit program.
///
/// # Safety
///
/// The registers can be read.
#[inline]
pub(crate) unsafe fn syscall(regs: *const pt_regs) -> [usize; 6] {
    // SAFETY: as the caller vouches.
    let [a, b, c, d, e, f, ..] = unsafe { numbered(regs) };
    // CAST: registers have the size of an address.
    [a, b, c, d, e, f].map(|register| register as usize)
}

/// The same of a 32-bit program: the numbers of the registers are the same.
///
/// # Safety
///
/// The registers can be read.
#[inline]
pub(crate) unsafe fn compat_syscall(regs: *const pt_regs) -> [usize; 6] {
    // SAFETY: as the caller vouches.
    unsafe { syscall(regs) }
}

/// Assembly outside of functions.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_asm {
    ($($line:expr,)+) => {
        ::core::arch::global_asm!($($line,)+);
    };
}

/// What enters an original behind its entry. That has one of two lengths, and a byte tells which.
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
