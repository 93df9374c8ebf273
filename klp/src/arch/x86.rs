// SPDX-License-Identifier: GPL-2.0-only

//! The x86-64 part of [`arch`](crate::arch).

use crate::platform::bindings::pt_regs;
use crate::syscall::{Arguments, SyscallArgs};

/// The length of the patch site's instruction: the call to ftrace, or the nop in its place.
pub(crate) const TRACED_CALL: usize = 5;

/// The possible offsets of the patch site in a function: at its beginning, or after an `endbr64`.
pub(crate) const TRACED_AT: [usize; 2] = [0, 4];

/// Each operation that changes a value is one locked instruction, a full barrier whatever its ordering. Loads and
/// stores are plain ones.
#[cfg(klp_freestanding)]
pub(crate) const ATOMICS_ARE_KERNELS: bool = true;

/// Executes an invalid instruction: the kernel reports an oops at its address, and ends the task.
#[cfg(klp_freestanding)]
pub(crate) fn oops() -> ! {
    // SAFETY: nothing after it is executed.
    unsafe { core::arch::asm!("ud2", options(noreturn)) }
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

/// Implements `LoadWord` for types whose volatile load is one instruction at any alignment.
macro_rules! loads {
    ($($type:ty)*) => {$(
        #[cfg(not(miri))]
        impl $crate::arch::LoadWord for $type {
            #[inline(always)]
            unsafe fn load_word(place: *const u8) -> Self {
                #[derive(Clone, Copy)]
                #[repr(C, packed)]
                struct Packed<T>(T);

                // SAFETY: the caller guarantees that `place` is readable.
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

/// Stand-ins for the host build.
#[cfg(not(kernel))]
pub(crate) mod stand_in {
    /// The fields of the kernel's `struct pt_regs` that hold arguments.
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

/// Returns the arguments of a system call of a 64-bit program.
///
/// # Safety
///
/// `regs` points to readable registers.
#[inline]
pub(crate) unsafe fn syscall(regs: *const pt_regs) -> [usize; 6] {
    // SAFETY: the caller guarantees that `regs` is readable.
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

/// Returns the arguments of a system call of a 32-bit program.
///
/// # Safety
///
/// `regs` points to readable registers.
#[inline]
pub(crate) unsafe fn compat_syscall(regs: *const pt_regs) -> [usize; 6] {
    // SAFETY: the caller guarantees that `regs` is readable.
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

/// Emits assembly outside of functions.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_asm {
    ($($line:expr,)+) => {
        ::core::arch::global_asm!($($line,)+ options(att_syntax));
    };
}

/// Defines the code that enters an original after its entry. The entry has one of two lengths: the longer one if the byte
/// is set. The padding before the code is for kernels with call depth tracking, which need it before each call target.
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
    /// Returns the arguments in a replacement of `__ia32_sys_...` or `__ia32_compat_sys_...`, as
    /// [`Self::unpack_compat`] does.
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
    fn arguments_follow_the_calling_convention() {
        let all: (u8, i32, u16, u32, u64, usize) = args().unpack();
        assert_eq!(all, (1, -1, 3, 4, 5, 6));
    }

    #[test]
    fn system_calls_of_32_bit_programs_use_their_own_registers() {
        let all: (u8, i32, usize, usize, u16, u64) = args().unpack_ia32();
        assert_eq!(all, (11, -1, 3, u32::MAX as usize, 1, 16));
        let (_, second): (u8, usize) = args().unpack_ia32();
        assert_eq!(second, u32::MAX as usize);
    }

    #[test]
    fn fewer_arguments_can_be_unpacked() {
        assert_eq!(args().unpack::<u32>(), 1);
        assert_eq!(args().unpack::<(bool, u8)>(), (true, 255));
    }
}
