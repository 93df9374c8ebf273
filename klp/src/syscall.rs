// SPDX-License-Identifier: GPL-2.0-only

//! Replacing system calls.
//!
//! What the kernel enters for `read()` on x86-64 is `__x64_sys_read`: a C function whose one
//! argument points to the registers of the caller. [`SyscallArgs`] reads the system call's own
//! arguments from them, with the types of its declaration in the kernel:
//!
//! ```
//! use klp::prelude::*;
//! use klp::syscall::SyscallArgs;
//!
//! /// `SYSCALL_DEFINE2(getrandom_name, char __user *, buffer, size_t, length)`
//! #[livepatch(object = "vmlinux", replaces = "__x64_sys_getrandom_name",
//!             description = "Answers with a name", license = "GPL")]
//! fn getrandom_name(args: &SyscallArgs) -> Result<usize> {
//!     let (buffer, length): (UserPtr, usize) = args.unpack();
//!     let name = b"random";
//!     if length < name.len() {
//!         return Err(EINVAL);
//!     }
//!     UserSlice::new(buffer, length).writer().write_slice(name)?;
//!     Ok(name.len())
//! }
//! # fn main() {}
//! ```
//!
//! The result is a C `long`: `Result<usize>` or `Result<isize>`.
//!
//! Calls of 32-bit programs go through functions and registers of their own, `__ia32_sys_read` or
//! `__ia32_compat_sys_read`, and are not changed by replacing this one. A 64-bit program can make such calls, too, so
//! a fix has to replace both functions where the kernel has both, which is with `CONFIG_IA32_EMULATION`.
//! [`SyscallArgs::unpack_compat`] reads the arguments of these.

/// The program's memory. (There is none where there is no kernel.)
#[cfg(kernel)]
pub use crate::platform::current_mm;

use crate::arch;
use crate::layout::KernelStruct;
use crate::platform::{bindings, UserPtr};
use core::cell::UnsafeCell;

/// The arguments of a system call: C's `const struct pt_regs *`.
#[repr(transparent)]
pub struct SyscallArgs(pub(crate) UnsafeCell<bindings::pt_regs>);

// SAFETY: transparent.
unsafe impl KernelStruct for SyscallArgs {
    const NAME: &'static str = "pt_regs";
}

impl SyscallArgs {
    /// The arguments from the first on, as a tuple of their types, or one type for the first alone, of a call by the
    /// x86-64 convention: in a replacement of `__x64_sys_...`.
    ///
    /// An argument that is narrower than a register is cut, as C does it. What user space
    /// passes is any number: check each, and follow a [`UserPtr`] only by means of
    /// `UserSlice`.
    #[inline]
    pub fn unpack<T: Arguments>(&self) -> T {
        // SAFETY: the caller's registers, saved while it is in the kernel.
        T::from_registers(unsafe { arch::syscall(self.0.get()) })
    }

    /// The same of a call by the convention of 32-bit programs, where each register holds 32 bits.
    #[inline]
    pub fn unpack_compat<T: Arguments>(&self) -> T {
        // SAFETY: the caller's registers, saved while it is in the kernel.
        let registers = unsafe { arch::compat_syscall(self.0.get()) };
        // CAST: C takes the lower half, too.
        T::from_registers(registers.map(|register| register as u32 as usize))
    }
}

/// A type that an argument of a system call can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a system call",
    label = "not what a register holds",
    note = "write an integer, `bool`, or `UserPtr` for a pointer of user space"
)]
pub trait Argument {
    /// From the register.
    fn from_register(register: usize) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Argument for $type {
            #[inline]
            fn from_register(register: usize) -> Self {
                // CAST: C cuts arguments too.
                register as $type
            }
        }
    )*};
}

integers! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize }

impl Argument for bool {
    #[inline]
    fn from_register(register: usize) -> Self {
        register != 0
    }
}

impl Argument for UserPtr {
    #[inline]
    fn from_register(register: usize) -> Self {
        UserPtr::from_addr(register)
    }
}

/// One [`Argument`], or a tuple of up to six.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments of a system call",
    label = "not what registers hold",
    note = "write the types of the arguments as a tuple, such as `(u32, UserPtr, usize)`"
)]
pub trait Arguments {
    /// From the registers, in the order of the arguments.
    #[doc(hidden)]
    fn from_registers(registers: [usize; 6]) -> Self;
}

impl<T: Argument> Arguments for T {
    #[inline]
    fn from_registers([first, ..]: [usize; 6]) -> Self {
        T::from_register(first)
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {$(
        impl<$($name: Argument),*> Arguments for ($($name,)*) {
            #[inline]
            #[allow(non_snake_case)] // The types' names serve for the registers.
            fn from_registers(registers: [usize; 6]) -> Self {
                let [$($name,)* ..] = registers;
                ($($name::from_register($name),)*)
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }
