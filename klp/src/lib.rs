// SPDX-License-Identifier: GPL-2.0-only

//! Live patches for the Linux kernel, written as ordinary Rust functions.
//!
//! This is the only crate a patch author names. A whole patch module:
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
//! [`livepatch`] writes everything around the function: the `klp_func`, `klp_object` and
//! `klp_patch` tables, the modinfo, the init and exit. [`abi`] says which types may stand in
//! the function's signature and which C types they stand for.
//!
//! The crate builds in three ways. For a kernel with Rust (`cfg(kernel)`) it stands on the `kernel` crate
//! and on bindings generated from the kernel's own headers; for one without
//! (`cfg(klp_freestanding)`, too) on such bindings alone. Under Cargo it stands on
//! stand-ins of the same shape, so that a patch can be type-checked and the macro tested where
//! there is no kernel; nothing runs there.
//!
//! No item here becomes code of its own: everything is a constant, generic, or `#[inline]`, and
//! lands in the patch module that uses it. That is why a patch links no `klp` object and carries
//! nothing it does not need.

#![cfg_attr(any(not(kernel), klp_freestanding), no_std)]

#[cfg(not(kernel))]
extern crate std;

/// What the log lines of this crate begin with.
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
pub mod lasting;
pub mod layout;
pub mod list;
pub mod log;
pub mod netlink;
pub mod original;
#[cfg_attr(klp_freestanding, path = "platform/freestanding.rs")]
#[cfg_attr(all(kernel, not(klp_freestanding)), path = "platform/kernel.rs")]
#[cfg_attr(not(kernel), path = "platform/host.rs")]
#[allow(unreachable_pub)] // All offer the same; what is re-exported is decided here.
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
    state, symbols, Lasting,
};
pub use lasting::Lasting;
pub use platform::bindings;
pub use shadow::Shadow;
pub use state::State;

/// What expanded code names. Not for authors, and not stable.
#[doc(hidden)]
pub mod __private {
    #[cfg(klp_freestanding)]
    pub use crate::platform::{
        atomic::Relaxed,
        modinfo,
        print::{self as levels, log},
    };
    /// Whether something has been done.
    #[cfg(klp_freestanding)]
    pub type AtomicFlag = crate::platform::atomic::Atomic<bool>;
    pub use crate::platform::{module, pr_err, pr_info, pr_warn, Module, Result, ThisModule};
    pub use crate::{
        in_kernel, livepatch_asm, livepatch_entry, livepatch_modinfo, livepatch_originals,
        livepatch_symbols, on_host,
    };
}
