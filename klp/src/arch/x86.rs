// SPDX-License-Identifier: GPL-2.0-only

//! x86-64.

use crate::platform::bindings::pt_regs;
use crate::syscall::{Arguments, SyscallArgs};

/// The length of the call, or of the nop in its place, that ftrace changes.
pub(crate) const TRACED_CALL: usize = 5;

/// Where in a function that call is: at its beginning, or behind an `endbr64`.
pub(crate) const TRACED_AT: [usize; 2] = [0, 4];

/// Each operation that changes a value is one locked instruction, a full barrier whatever its ordering, and loads
/// and stores are the plain ones.
#[cfg(klp_freestanding)]
pub(crate) const ATOMICS_ARE_KERNELS: bool = true;

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
            "movzx eax, byte ptr [rip + __klp_unlinked]",
            "test eax, eax",
            "jz 2f",
            "lea rdi, [rip + __klp_unlinked_text]",
            "xor eax, eax",
            "call _printk",
            "mov eax, 1",
            "2:",
            ".else",
            "xor eax, eax",
            ".endif",
            lateout("eax") unlinked,
            clobber_abi("C"),
        );
    }
    unlinked != 0
}

/// Types whose volatile load is one instruction at any alignment.
macro_rules! loads {
    ($($type:ty)*) => {$(
        #[cfg(not(miri))]
        impl $crate::arch::LoadWord for $type {
            #[inline(always)]
            unsafe fn load_word(place: *const u8) -> Self {
                #[derive(Clone, Copy)]
                #[repr(C, packed)]
                struct Packed<T>(T);

                // SAFETY: the caller vouches for the place.
                unsafe { core::ptr::read_volatile(place.cast::<Packed<Self>>()) }.0
            }
        }
    )*};
}

loads! { u8 i8 u16 i16 u32 i32 u64 i64 usize isize }

words! {
    "mov byte ptr [{place}], {value}" reg_byte: u8 i8;
    "mov word ptr [{place}], {value:x}" reg: u16 i16;
    "mov dword ptr [{place}], {value:e}" reg: u32 i32;
    "mov qword ptr [{place}], {value}" reg: u64 i64 usize isize;
}

/// Where there is no kernel.
#[cfg(not(kernel))]
pub(crate) mod stand_in {
    /// The fields of the kernel's structure that hold arguments.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct pt_regs {
        pub r10: usize,
        pub r9: usize,
        pub r8: usize,
        pub dx: usize,
        pub si: usize,
        pub di: usize,
        pub bx: usize,
        pub cx: usize,
        pub bp: usize,
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
    unsafe {
        [
            (*regs).di,
            (*regs).si,
            (*regs).dx,
            (*regs).r10,
            (*regs).r8,
            (*regs).r9,
        ]
    }
}

/// The same of a 32-bit program.
///
/// # Safety
///
/// The registers can be read.
#[inline]
pub(crate) unsafe fn compat_syscall(regs: *const pt_regs) -> [usize; 6] {
    // SAFETY: as the caller vouches.
    unsafe {
        [
            (*regs).bx,
            (*regs).cx,
            (*regs).dx,
            (*regs).si,
            (*regs).di,
            (*regs).bp,
        ]
    }
}

/// Assembly outside of functions.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_asm {
    ($($line:expr,)+) => {
        ::core::arch::global_asm!($($line,)+ options(att_syntax));
    };
}

/// What enters an original behind its entry. That has one of two lengths, and a byte tells which. In front of it is the
/// room that kernels with call depth tracking want before what is called.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_entry {
    ($call:literal $symbol:literal $byte:literal) => {
        $crate::livepatch_asm!(
            ".pushsection .data, \"aw\", @progbits",
            ::core::concat!("\"", $byte, "\": .byte 0"),
            ".popsection",
            ".pushsection .text, \"ax\", @progbits",
            ".p2align 4, 0x90",
            ".skip 16, 0x90",
            ::core::concat!(".type \"", $call, "\", @function"),
            ::core::concat!("\"", $call, "\":"),
            ::core::concat!("cmpb $0, \"", $byte, "\"(%rip)"),
            "jne 2f",
            ::core::concat!("jmp \"", $symbol, "\" + 5"),
            "2:",
            ::core::concat!("jmp \"", $symbol, "\" + 9"),
            ::core::concat!(".size \"", $call, "\", . - \"", $call, "\""),
            ".popsection",
        );
    };
}

impl SyscallArgs {
    /// [`Self::unpack_compat`]: in a replacement of `__ia32_sys_...` or `__ia32_compat_sys_...`.
    #[inline]
    pub fn unpack_ia32<T: Arguments>(&self) -> T {
        self.unpack_compat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::UnsafeCell;

    fn args() -> SyscallArgs {
        SyscallArgs(UnsafeCell::new(pt_regs {
            di: 1,
            si: usize::MAX,
            dx: 3,
            r10: 4,
            r8: 5,
            r9: 6,
            bx: 11,
            cx: usize::MAX,
            bp: 16,
        }))
    }

    #[test]
    fn arguments_are_in_the_order_of_the_convention() {
        let all: (u8, i32, u16, u32, u64, usize) = args().unpack();
        assert_eq!(all, (1, -1, 3, 4, 5, 6));
    }

    #[test]
    fn calls_of_32_bits_have_their_own_registers() {
        let all: (u8, i32, usize, usize, u16, u64) = args().unpack_ia32();
        assert_eq!(all, (11, -1, 3, u32::MAX as usize, 1, 16));
        let (_, second): (u8, usize) = args().unpack_ia32();
        assert_eq!(second, u32::MAX as usize);
    }

    #[test]
    fn fewer_will_do() {
        assert_eq!(args().unpack::<u32>(), 1);
        assert_eq!(args().unpack::<(bool, u8)>(), (true, 255));
    }
}
