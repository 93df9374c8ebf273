// SPDX-License-Identifier: GPL-2.0-only

//! The platform of kernels without Rust: `klp`'s own versions of the items that it uses, on the kernel's headers.
//!
//! The names and interfaces are those of the `kernel` crate, as far as klp and its prelude have them, so that
//! a patch that names only `klp` is the same for all kernels. `klp/c` wraps inline functions and macros of the
//! headers, compiled for that kernel. Atomics are Rust's.

use core::ffi::c_int;
use core::mem::MaybeUninit;

#[path = "common.rs"]
mod common;

#[path = "freestanding/alloc.rs"]
pub mod alloc;
#[path = "freestanding/atomic.rs"]
pub mod atomic;
#[path = "freestanding/cred.rs"]
mod cred;
#[path = "freestanding/error.rs"]
mod error;
#[path = "freestanding/module.rs"]
mod module;
#[path = "freestanding/print.rs"]
pub mod print;
#[path = "freestanding/rcu.rs"]
pub mod rcu;
#[path = "freestanding/task.rs"]
mod task;
#[path = "text.rs"]
mod text;
#[path = "freestanding/user.rs"]
mod user;
#[path = "vec.rs"]
pub mod vec;
#[path = "freestanding/wrappers.rs"]
pub mod wrappers;

pub use crate::freestanding_module as module;
pub use crate::{pr_err, pr_info, pr_warn};
pub use atomic::Refcount;
pub(crate) use common::{
    each_patch, is_unlinked, klp_register_patch, klp_unregister_patch, list_size, locks,
    this_module, traced_call, with_patches, HAS_LIFECYCLE, HZ,
};
pub use cred::Kuid;
pub(crate) use error::{constant_error, error};
pub use error::{to_result, Error, Result};
pub use module::{modinfo, Module, ThisModule};
pub use rcu::read_lock as rcu_read_lock;
pub use task::current_mm;
pub(crate) use task::{relax, running_credentials};
pub use user::UserPtr;

/// C's types, with the signedness and sizes that they have in the kernel.
pub mod ffi {
    pub use super::text::c_char;
    pub use core::ffi::{
        c_int, c_longlong, c_schar, c_short, c_uchar, c_uint, c_ulonglong, c_ushort, c_void,
    };

    /// As large as a pointer.
    #[allow(non_camel_case_types)]
    pub type c_long = isize;
    /// As large as a pointer.
    #[allow(non_camel_case_types)]
    pub type c_ulong = usize;
}

/// C declarations: bindgen's bindings of the kernel's headers, and the functions in `klp/c`.
pub mod bindings {
    #[allow(
        clippy::all,
        dead_code,
        improper_ctypes,
        missing_docs,
        non_camel_case_types,
        non_snake_case,
        non_upper_case_globals,
        unreachable_pub,
        unsafe_op_in_unsafe_fn
    )]
    mod generated {
        use super::super::ffi;

        /// C's `struct module`, of which only the first field is read.
        #[repr(C)]
        pub struct module {
            pub state: module_state,
        }

        include!(env!("KLP_BINDINGS"));
    }

    pub use super::inline::*;
    pub use generated::*;
    pub use generated::{
        KLP_CONST_GFP_ATOMIC as GFP_ATOMIC, KLP_CONST_GFP_KERNEL as GFP_KERNEL,
        KLP_CONST_GFP_KERNEL_ACCOUNT as GFP_KERNEL_ACCOUNT, KLP_CONST_GFP_NOWAIT as GFP_NOWAIT,
        KLP_CONST_PAGE_SIZE as PAGE_SIZE, KLP_CONST___GFP_ZERO as __GFP_ZERO,
    };
}

#[path = "freestanding/inline.rs"]
#[allow(missing_docs, non_snake_case)]
mod inline;

pub mod prelude {
    //! The items that [`crate::prelude`] re-exports.
    pub use super::alloc::flags::*;
    pub use super::alloc::{AllocError, KBox};
    pub use super::ffi::*;
    pub use super::text::CStrExt as _;
    pub use super::user::{UserPtr, UserSlice, UserSliceReader, UserSliceWriter};
    pub use super::vec::KVec;
    pub use super::wrappers::*;
    pub use super::{Error, Result, ThisModule};
    pub use crate::static_assert;
    pub use crate::{
        pr_alert, pr_alert_once, pr_crit, pr_crit_once, pr_emerg, pr_emerg_once, pr_err,
        pr_err_once, pr_info, pr_info_once, pr_notice, pr_notice_once, pr_warn, pr_warn_once,
        seq_print,
    };
    pub use core::ffi::CStr;
    pub use core::mem::{align_of, align_of_val, size_of, size_of_val};
    pub use core::pin::Pin;
}

/// Checks a condition at compile time.
#[doc(hidden)]
#[macro_export]
macro_rules! static_assert {
    ($condition:expr $(, $message:literal)?) => {
        const _: () = ::core::assert!($condition $(, $message)?);
    };
}

/// Saturates a reference count that has overflowed, with a warning in the log.
#[inline]
pub(crate) fn refcount_add_overflowed(count: &Refcount) {
    let overflow = bindings::refcount_saturation_type_REFCOUNT_ADD_NOT_ZERO_OVF;
    count.warn_saturated(overflow);
}

/// Converts allocation flags to C's.
#[inline]
pub(crate) fn gfp(flags: alloc::Flags) -> bindings::gfp_t {
    flags.as_c()
}

/// Returns a box of zeroed memory from `kmalloc()`.
#[inline]
pub(crate) fn zeroed_box<T>(flags: alloc::Flags) -> Result<alloc::KBox<MaybeUninit<T>>> {
    Ok(alloc::KBox::new_uninit(flags | alloc::flags::__GFP_ZERO)?)
}

/// Logs the panic and ends the task.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    print::log(print::EMERG, crate::__LOG_PREFIX, format_args!("{info}\n"));
    crate::arch::oops()
}

const _: () = assert!(size_of::<c_int>() == 4);
