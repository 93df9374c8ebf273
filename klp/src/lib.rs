// SPDX-License-Identifier: GPL-2.0-only

//! Live patches for the Linux kernel, written as ordinary Rust functions.
//!
//! This is the only crate that a patch uses. A complete patch module:
//!
//! ```
//! use klp::prelude::*;
//!
//! #[livepatch(object = "vmlinux", replaces = "cmdline_proc_show",
//!             description = "Shows another /proc/cmdline", license = "GPL")]
//! fn livepatch_cmdline_proc_show(m: &SeqFile, _v: *mut c_void) -> Result {
//!     seq_print!(m, "this has been live patched\n");
//!     Ok(())
//! }
//! # fn main() {}
//! ```
//!
//! [`livepatch`] generates the `klp_func`, `klp_object` and `klp_patch` tables, the modinfo, and the module's init and
//! exit functions. [`abi`] lists the types that a replacement's signature can have, and their C types.
//!
//! The crate has three platforms. For a kernel with Rust (`cfg(kernel)`) it uses the `kernel` crate and bindings
//! generated from the kernel's headers. For a kernel without Rust (also `cfg(klp_freestanding)`) it uses only such
//! bindings. Under Cargo it uses host stand-ins, so that patches can be type-checked and tested without a kernel.
//!
//! Every item is a constant, generic, or `#[inline]`, and is compiled into the patch module that uses it, so a patch
//! does not link against a `klp` object.

#![cfg_attr(any(not(kernel), klp_freestanding), no_std)]

#[cfg(not(kernel))]
extern crate std;

/// The prefix of this crate's log lines.
#[cfg(kernel)]
const __LOG_PREFIX: &[u8] = b"klp\0";

pub mod abi;
mod arch;
pub mod bytes;
pub mod callbacks;
mod capability;
pub mod constants;
pub mod cred;
pub mod errno;
pub mod layout;
pub mod list;
pub mod log;
pub mod netlink;
pub mod original;
pub mod persistent;
#[cfg_attr(klp_freestanding, path = "platform/freestanding.rs")]
#[cfg_attr(all(kernel, not(klp_freestanding)), path = "platform/kernel.rs")]
#[cfg_attr(not(kernel), path = "platform/host.rs")]
#[allow(unreachable_pub)] // All have the same interface; this file chooses what is public.
mod platform;
pub mod prelude;
pub mod rcu;
pub mod shadow;
#[doc(hidden)]
pub mod signature;
pub mod sockptr;
pub mod state;
pub mod symbols;
pub mod sync;
pub mod syscall;
pub mod sysctl;
#[doc(hidden)]
pub mod table;
pub mod time;
pub mod view;

pub use callbacks::{ModuleState, Object, Unpatched};
pub use capability::{
    capable, file_ns_capable, netlink_capable, netlink_ns_capable, ns_capable, Capability,
};
pub use klp_macros::{
    helpers, kernel_struct, livepatch, post_patch, post_unpatch, pre_patch, pre_unpatch, shadow,
    state, symbols, Persistent,
};
pub use persistent::Persistent;
pub use platform::bindings;
pub use shadow::Shadow;
pub use state::State;

/// Items that macro expansions use. Not for patch authors, and not stable.
#[doc(hidden)]
pub mod __private {
    #[cfg(klp_freestanding)]
    pub use crate::platform::{
        atomic::Relaxed,
        modinfo,
        print::{self as levels, log},
    };
    /// A flag that is set at most once.
    #[cfg(klp_freestanding)]
    pub type AtomicFlag = crate::platform::atomic::Atomic<bool>;
    pub use crate::platform::{module, pr_err, pr_info, pr_warn, Module, Result, ThisModule};
    pub use crate::{
        in_kernel, livepatch_asm, livepatch_entry, livepatch_modinfo, livepatch_originals,
        livepatch_symbols, on_host,
    };
}
