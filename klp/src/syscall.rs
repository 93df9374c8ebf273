// SPDX-License-Identifier: GPL-2.0-only

//! Arguments of system calls.
//!
//! On x86-64, `read()` enters the C function `__x64_sys_read`, whose only argument points to the caller's
//! registers. [`SyscallArgs`] reads the system call's arguments from the registers, with the types of its declaration
//! in the kernel:
//!
//! ```
//! use klp::prelude::*;
//! use klp::syscall::SyscallArgs;
//!
//! /// `SYSCALL_DEFINE2(getrandom_name, char __user *, buffer, size_t, length)`
//! #[livepatch(object = "vmlinux", replaces = "__x64_sys_getrandom_name",
//!             description = "Returns a name", license = "GPL")]
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
//! 32-bit calls enter another function, `__ia32_sys_read` or `__ia32_compat_sys_read`, and use other registers. 64-bit
//! programs can make them too, so with `CONFIG_IA32_EMULATION` a fix has to replace both functions.
//! [`SyscallArgs::unpack_compat`] reads their arguments.

/// Returns the memory of the calling process. Not available on the host.
#[cfg(kernel)]
pub use crate::platform::current_mm;

use crate::arch;
use crate::layout::KernelStruct;
use crate::platform::{bindings, UserPtr};
use core::cell::UnsafeCell;

/// The arguments of a system call: C's `const struct pt_regs *`.
#[repr(transparent)]
pub struct SyscallArgs(pub(crate) UnsafeCell<bindings::pt_regs>);

// SAFETY: transparent over a cell of the C structure, and safe code cannot create one.
unsafe impl KernelStruct for SyscallArgs {
    const NAME: &'static str = "pt_regs";
}

impl SyscallArgs {
    /// Returns the arguments of a 64-bit call, in a replacement of `__x64_sys_...` or `__arm64_sys_...`: a tuple of their
    /// types from the first on, or one type for the first alone.
    ///
    /// Narrow arguments are truncated, as in C. User space can pass any number: check each, and access a
    /// [`UserPtr`] only through `UserSlice`.
    ///
    /// ```
    /// use klp::prelude::*;
    ///
    /// /// `SYSCALL_DEFINE3(read, unsigned int, fd, char __user *, buf, size_t, count)`
    /// fn read(args: &SyscallArgs) -> (u32, UserPtr, usize) {
    ///     args.unpack()
    /// }
    /// ```
    #[inline]
    pub fn unpack<T: Arguments>(&self) -> T {
        // SAFETY: the registers of the calling program, which are saved while it is in the kernel.
        T::from_registers(unsafe { arch::syscall(self.0.get()) })
    }

    /// Returns the arguments of a 32-bit call, where each register holds 32 bits.
    ///
    /// ```
    /// use klp::prelude::*;
    ///
    /// /// `COMPAT_SYSCALL_DEFINE2(truncate, const char __user *, path, compat_off_t, length)`
    /// fn truncate(args: &SyscallArgs) -> (UserPtr, i32) {
    ///     args.unpack_compat()
    /// }
    /// ```
    #[inline]
    pub fn unpack_compat<T: Arguments>(&self) -> T {
        // SAFETY: the registers of the calling program, which are saved while it is in the kernel.
        let registers = unsafe { arch::compat_syscall(self.0.get()) };
        // CAST: C truncates to the lower half too.
        T::from_registers(registers.map(|register| register as u32 as usize))
    }
}

/// A type that an argument of a system call can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a system call",
    label = "not a type that a register holds",
    note = "write an integer, `bool`, or `UserPtr` for a pointer of user space"
)]
pub trait Argument {
    /// Converts the register to the argument.
    fn from_register(register: usize) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Argument for $type {
            #[inline]
            fn from_register(register: usize) -> Self {
                // CAST: C truncates arguments too.
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
    label = "not types that registers hold",
    note = "write the types of the arguments as a tuple, such as `(u32, UserPtr, usize)`"
)]
pub trait Arguments {
    /// Converts the registers, which are in the order of the arguments.
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
            #[allow(non_snake_case)] // The types' names are used as variables.
            fn from_registers(registers: [usize; 6]) -> Self {
                let [$($name,)* ..] = registers;
                ($($name::from_register($name),)*)
            }
        }
    )*};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) }
