// SPDX-License-Identifier: GPL-2.0-only

//! The imports of most patches: `use klp::prelude::*;`.
//!
//! It re-exports the `kernel` crate's prelude (`Result`, `KBox`, C's integer types, `pr_info!` ...), the wrappers that can
//! be arguments of a replacement, all [errors](crate::errno) and [constants](crate::constants), and the attributes.
//!
//! ```
//! use klp::prelude::*;
//!
//! /// Prints to a `seq_file`.
//! fn show(m: &SeqFile, name: &CStr) -> Result {
//!     seq_print!(m, "{}\n", name.to_str().map_err(|_| EILSEQ)?);
//!     pr_info!("shown\n");
//!     Ok(())
//! }
//!
//! /// Allocates memory.
//! fn table(size: usize) -> Result<(KBox<[u32; 4]>, KVec<u8>)> {
//!     let mut bytes = KVec::with_capacity(size, GFP_KERNEL)?;
//!     bytes.push(0, GFP_KERNEL)?;
//!     Ok((KBox::new([0; 4], GFP_KERNEL)?, bytes))
//! }
//!
//! /// Copies from and to user space.
//! fn copy(from: UserPtr, to: UserPtr) -> Result {
//!     let number: u32 = UserSlice::new(from, 4).reader().read()?;
//!     UserSlice::new(to, 4).writer().write(&number)
//! }
//! ```

#[doc(no_inline)]
pub use crate::platform::prelude::*;

/// Re-exports each errno by name, which takes precedence over the glob import of the `kernel` crate's prelude.
macro_rules! errnos {
    ($($name:ident = $number:literal)*) => {
        #[doc(no_inline)]
        pub use crate::errno::{$($name),*};
    };
}
crate::errno::for_each_errno!(errnos);

/// Re-exports each constant by name, for the same reason.
macro_rules! constants {
    ($($type:ident: $($name:ident = $number:literal)*;)*) => {
        #[doc(no_inline)]
        pub use crate::constants::{$($($name),*),*};
    };
}
crate::constants::for_each_constant!(constants);

#[doc(no_inline)]
pub use crate::abi::{InOut, Returned};
#[doc(no_inline)]
pub use crate::sync::{AtomicExt as _, RefcountExt as _};
#[doc(no_inline)]
pub use crate::syscall::SyscallArgs;
#[doc(no_inline)]
pub use crate::view::Zeroed;
#[doc(no_inline)]
pub use crate::{capable, ns_capable, Capability};
#[doc(no_inline)]
pub use crate::{livepatch, Persistent, Shadow, State};
#[doc(no_inline)]
pub use crate::{pr_err_ratelimited, pr_info_ratelimited, pr_warn_ratelimited};
#[doc(no_inline)]
pub use klp_macros::{
    kernel_struct, post_patch, post_unpatch, pre_patch, pre_unpatch, shadow, state,
};
