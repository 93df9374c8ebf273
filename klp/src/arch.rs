// SPDX-License-Identifier: GPL-2.0-only

//! Architecture-specific code. Each architecture has a file, all with the same names. No other part of this crate, and no
//! expansion of `#[livepatch]`, names an architecture.
//!
//! | name | is |
//! | --- | --- |
//! | `TRACED_CALL`, `TRACED_AT` | the length of the patch site's instruction, and its possible offsets in a function |
//! | `unlinked` | reads the byte that marks a module that was not linked, and logs an error if it is set |
//! | `load_word`, `store_word` | loads or stores a value by one instruction |
//! | `syscall`, `compat_syscall` | the arguments of system calls |
//! | `livepatch_asm` | assembly outside of functions |
//! | `livepatch_entry` | the code that enters an original whose entry length is not known at build time |
//! | `oops` | executes an invalid instruction |
//! | `ATOMICS_ARE_KERNELS` | whether Rust's atomics order memory as the kernel's do |

/// A type that one instruction stores.
#[cfg(not(miri))]
pub(crate) trait StoreWord {
    /// Stores the value, at any alignment.
    ///
    /// # Safety
    ///
    /// `place` is writable for the size of `Self`.
    unsafe fn store_word(self, place: *mut u8);
}

/// A type that one instruction loads.
#[cfg(not(miri))]
pub(crate) trait LoadWord {
    /// Loads a value, at any alignment.
    ///
    /// # Safety
    ///
    /// `place` is readable for the size of `Self`.
    unsafe fn load_word(place: *const u8) -> Self;
}

/// Implements [`StoreWord`]: an architecture's store instruction, its register class, and the types.
macro_rules! words {
    ($($instruction:literal $class:ident: $($type:ty)*;)*) => {$($(
        #[cfg(not(miri))]
        impl $crate::arch::StoreWord for $type {
            #[inline(always)]
            unsafe fn store_word(self, place: *mut u8) {
                // SAFETY: the caller guarantees that `place` is writable for the value's size.
                unsafe {
                    core::arch::asm!(
                        $instruction,
                        place = in(reg) place,
                        value = in($class) self,
                        options(nostack, preserves_flags),
                    );
                }
            }
        }
    )*)*};
}

#[cfg(target_arch = "x86_64")]
#[path = "arch/x86.rs"]
mod machine;

#[cfg(target_arch = "aarch64")]
#[path = "arch/arm64.rs"]
mod machine;

pub(crate) use machine::*;
