// SPDX-License-Identifier: GPL-2.0-only

//! The platform of kernels with Rust: the items that `klp` uses from the `kernel` crate and the livepatch headers.
//!
//! Only this file names the `kernel` crate. `freestanding.rs` is its counterpart for kernels without the crate.

use core::ffi::c_int;
use core::mem::{self, MaybeUninit};
use core::ptr::NonNull;
use kernel::mm::MmWithUser;
use kernel::sync::aref::ARef;

#[path = "common.rs"]
mod common;

pub(crate) use common::{
    each_patch, is_unlinked, klp_register_patch, klp_unregister_patch, list_size, locks,
    this_module, traced_call, with_patches, HAS_LIFECYCLE, HZ,
};

pub use kernel::error::to_result;
pub use kernel::prelude::{module, Error, Result, ThisModule};
pub use kernel::sync::rcu::{self, read_lock as rcu_read_lock};
pub use kernel::sync::{atomic, Refcount};
pub use kernel::task::Kuid;
pub use kernel::uaccess::UserPtr;
pub use kernel::{pr_err, pr_info, pr_warn, Module};

/// C declarations: the kernel's own, and those of `linux/livepatch.h`.
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
    mod livepatch {
        use kernel::bindings::{completion, gfp_t, kobject, list_head, module, work_struct};
        use kernel::ffi;

        // bindgen's name for C's `bool`, which the allowlist excludes.
        type bool_ = bool;

        include!(env!("KLP_BINDINGS"));
    }
    pub use kernel::bindings::*;
    pub use livepatch::{
        klp_callbacks, klp_enable_patch, klp_func, klp_get_prev_state, klp_get_state, klp_object,
        klp_patch, klp_shadow_alloc, klp_shadow_free, klp_shadow_free_all, klp_shadow_get,
        klp_shadow_get_or_alloc, klp_state,
    };
}

/// Memory allocation.
pub mod alloc {
    pub use kernel::alloc::{Flags, KBox};
}

/// The kernel's wrappers that a replacement's signature can use.
pub mod wrappers {
    pub use kernel::cred::Credential;
    pub use kernel::device::Device;
    pub use kernel::fs::file::LocalFile;
    pub use kernel::fs::File;
    pub use kernel::mm::Mm;
    pub use kernel::pid_namespace::PidNamespace;
    pub use kernel::seq_file::SeqFile;
    pub use kernel::task::Task;
}

pub mod prelude {
    //! The items that [`crate::prelude`] re-exports from the `kernel` crate.
    pub use super::wrappers::*;
    pub use kernel::prelude::*;
    pub use kernel::uaccess::UserSlice;
    pub use kernel::{
        pr_alert_once, pr_crit_once, pr_emerg_once, pr_err_once, pr_info_once, pr_notice_once,
        pr_warn_once, seq_print,
    };
}

/// Returns the error of a constant errno. The `kernel` crate has constants only for some errors, and converts numbers
/// only at run time.
pub(crate) const fn constant_error(errno: c_int) -> Error {
    assert!(errno < 0 && errno >= -(bindings::MAX_ERRNO as c_int));
    // SAFETY: `errno` was checked above.
    unsafe { error(errno) }
}

/// Returns the bits of an error.
#[allow(dead_code)] // Older compilers do not see its use in constants.
const fn bits(error: Error) -> c_int {
    // SAFETY: both are four bytes, and an `Error` is never uninitialised.
    unsafe { mem::transmute::<Error, c_int>(error) }
}

// The representation of an `Error` is its errno.
const _: () = {
    use kernel::error::code;
    assert!(size_of::<Error>() == size_of::<c_int>());
    assert!(size_of::<Option<Error>>() == size_of::<c_int>());
    assert!(bits(code::EPERM) == -1);
    assert!(bits(code::ERANGE) == -34);
    assert!(bits(code::ENOTSUPP) == -524);
};

/// Saturates a reference count that has overflowed, with a warning in the log.
#[inline]
pub(crate) fn refcount_add_overflowed(count: &Refcount) {
    let overflow = bindings::refcount_saturation_type_REFCOUNT_ADD_NOT_ZERO_OVF;
    let count = core::ptr::from_ref(count).cast_mut().cast();
    // SAFETY: the wrapper is transparent over a `refcount_t`.
    unsafe { bindings::refcount_warn_saturate(count, overflow) };
}

/// Converts allocation flags to C's. The `kernel` crate does not export the number.
///
/// Flags other than the usual ones become `GFP_NOWAIT`, the most restrictive.
#[inline]
pub(crate) fn gfp(flags: alloc::Flags) -> bindings::gfp_t {
    use kernel::alloc::flags::{GFP_ATOMIC, GFP_KERNEL, GFP_KERNEL_ACCOUNT};
    if flags.contains(GFP_KERNEL_ACCOUNT) {
        bindings::GFP_KERNEL_ACCOUNT
    } else if flags.contains(GFP_KERNEL) {
        bindings::GFP_KERNEL
    } else if flags.contains(GFP_ATOMIC) {
        bindings::GFP_ATOMIC
    } else {
        bindings::GFP_NOWAIT
    }
}

/// Returns a box of zeroed memory from `kmalloc()`.
#[inline]
pub(crate) fn zeroed_box<T>(flags: alloc::Flags) -> Result<alloc::KBox<MaybeUninit<T>>> {
    let zero = kernel::alloc::flags::__GFP_ZERO;
    Ok(alloc::KBox::new_uninit(flags | zero)?)
}

/// Returns the memory of the current process; `None` in a kernel thread.
///
/// This is what `current!().mm()` returns, but that reads the field at the offset in the bindings. In some
/// kernels C has another offset, because bindgen ignores the alignment that some earlier fields request. Here C
/// reads the field.
#[inline]
pub fn current_mm() -> Option<ARef<MmWithUser>> {
    // SAFETY: the current task is alive.
    let mm = unsafe { bindings::get_task_mm(bindings::get_current()) };
    // SAFETY: if not `NULL`, it comes with a reference that the result takes over. The wrapper is transparent.
    NonNull::new(mm).map(|mm| unsafe { ARef::from_raw(mm.cast()) })
}

/// Returns a reference to the credentials of the current task.
///
/// # Safety
///
/// `read` reads the member `cred` of `task_struct`, of which `V` is a view.
#[inline]
pub(crate) unsafe fn running_credentials<V>(
    read: fn(&V) -> *const bindings::cred,
) -> NonNull<bindings::cred> {
    // SAFETY: the current task is alive, and `V` is a view of it.
    let cred = read(unsafe { &*bindings::get_current().cast::<V>() }).cast_mut();
    // SAFETY: never `NULL`. The task holds a reference, so the count is above zero, and another reference can be taken
    // without the checks of `get_cred()`.
    unsafe {
        let usage = &raw mut (*cred).usage;
        let usage = atomic::Atomic::<i64>::from_ptr(usage.cast());
        usage.add(1, atomic::Relaxed);
        NonNull::new_unchecked(cred)
    }
}

const _: () = assert!(size_of::<bindings::atomic_long_t>() == size_of::<i64>());

/// Sleeps for a millisecond.
#[inline]
pub(crate) fn relax() {
    kernel::time::delay::fsleep(kernel::time::Delta::from_millis(1));
}

/// Returns the error of an errno.
///
/// The `kernel` crate's conversion checks the number again, in a function that is not inlined. This one costs nothing
/// for an errno that is only passed through.
///
/// # Safety
///
/// `errno` is negative and not below -4095.
#[inline(always)]
pub(crate) const unsafe fn error(errno: c_int) -> Error {
    // SAFETY: the representation of an `Error` is its errno, as asserted above, and the caller guarantees an errno.
    unsafe { mem::transmute::<c_int, Error>(errno) }
}
