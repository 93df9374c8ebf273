// SPDX-License-Identifier: GPL-2.0-only

//! What differs between processor architectures. Each has a file of its own, with the same names; nothing else of this
//! crate, and nothing that `#[livepatch]` writes, names one.
//!
//! | name | is |
//! | --- | --- |
//! | `TRACED_CALL`, `TRACED_AT` | the length of the call that ftrace changes, and where in a function it can begin |
//! | `unlinked` | asks the byte that says that the module was not linked, and logs that |
//! | `store_word` | stores a value by one instruction |
//! | `SYSCALL`, `COMPAT_SYSCALL` | the arguments of system calls |
//! | `livepatch_asm` | assembly outside of functions |
//! | `livepatch_entry` | the code that enters an original whose entry is not known when it is built |
//! | `ATOMICS_ARE_KERNELS` | whether Rust's atomics order memory as the kernel's do |

#[cfg(target_arch = "x86_64")]
#[path = "arch/x86.rs"]
mod machine;

#[cfg(target_arch = "aarch64")]
#[path = "arch/arm64.rs"]
mod machine;

pub(crate) use machine::*;
