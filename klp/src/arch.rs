// SPDX-License-Identifier: GPL-2.0-only

//! What differs between processor architectures. Each has a file of its own, with the same names; nothing else of this
//! crate, and nothing that `#[livepatch]` writes, names one.
//!
//! | name | is |
//! | --- | --- |
//! | `TRACED_CALL`, `TRACED_AT` | the length of the call that ftrace changes, and where in a function it can begin |
//! | `unlinked` | asks the byte that says that the module was not linked, and logs that |
//! | `load_word`, `store_word` | loads or stores a value by one instruction |
//! | `SYSCALL`, `COMPAT_SYSCALL` | the arguments of system calls |
//! | `livepatch_asm` | assembly outside of functions |
//! | `livepatch_entry` | the code that enters an original whose entry is not known when it is built |
//! | `ATOMICS_ARE_KERNELS` | whether Rust's atomics order memory as the kernel's do |

/// What one instruction stores.
#[cfg(not(miri))]
pub(crate) trait StoreWord {
    /// Stores it, at any alignment.
    ///
    /// # Safety
    ///
    /// The place can be written.
    unsafe fn store_word(self, place: *mut u8);
}

/// What one instruction loads.
#[cfg(not(miri))]
pub(crate) trait LoadWord {
    /// Loads it, at any alignment.
    ///
    /// # Safety
    ///
    /// The place can be read.
    unsafe fn load_word(place: *const u8) -> Self;
}

/// Each architecture's instructions that store a value, with the class of the register and the types.
macro_rules! words {
    ($($instruction:literal $class:ident: $($type:ty)*;)*) => {$($(
        #[cfg(not(miri))]
        impl $crate::arch::StoreWord for $type {
            #[inline(always)]
            unsafe fn store_word(self, place: *mut u8) {
                // SAFETY: writes the value's bytes to a place that the caller vouches for.
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
