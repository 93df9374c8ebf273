// SPDX-License-Identifier: GPL-2.0-only

//! What a patch usually needs: `use klp::prelude::*;`.
//!
//! The `kernel` crate's prelude (results and errno, C integer types, `pr_info!` ...), the
//! wrappers that may stand in a replacement's signature, and the attributes themselves.

#[doc(no_inline)]
pub use crate::platform::prelude::*;

/// One by one, which goes before those that the `kernel` crate's prelude has.
macro_rules! names {
    ($($name:ident = $number:literal)*) => {
        #[doc(no_inline)]
        pub use crate::errno::{$($name),*};
    };
}
crate::errno::for_each_errno!(names);

/// The same.
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
pub use crate::{livepatch, Lasting, Shadow, State};
#[doc(no_inline)]
pub use crate::{pr_err_ratelimited, pr_info_ratelimited, pr_warn_ratelimited};
#[doc(no_inline)]
pub use klp_macros::{
    kernel_struct, post_patch, post_unpatch, pre_patch, pre_unpatch, shadow, state,
};
