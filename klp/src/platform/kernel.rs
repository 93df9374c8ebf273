// SPDX-License-Identifier: GPL-2.0-only

//! What `klp` takes from a kernel that has Rust: from its `kernel` crate, and from its livepatch headers.
//!
//! Nothing outside this file names the `kernel` crate. `freestanding.rs` is its twin for kernels without it.

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

        // bindgen's name for C's, kept out by the allow list.
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

/// Memory.
pub mod alloc {
    pub use kernel::alloc::{Flags, KBox};
}

/// The kernel's wrappers that a replacement's signature may name.
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
    //! What [`crate::prelude`] takes from the kernel.
    pub use super::wrappers::*;
    pub use kernel::prelude::*;
    pub use kernel::uaccess::UserSlice;
    pub use kernel::{
        pr_alert_once, pr_crit_once, pr_emerg_once, pr_err_once, pr_info_once, pr_notice_once,
        pr_warn_once, seq_print,
    };
}

/// The error of a constant errno. The kernel crate makes errors from numbers only while it runs, and names
/// only some of them.
pub(crate) const fn constant_error(errno: c_int) -> Error {
    assert!(errno < 0 && errno >= -(bindings::MAX_ERRNO as c_int));
    // SAFETY: that was checked.
    unsafe { error(errno) }
}

/// The errno of an error, as its bits have it.
#[allow(dead_code)] // Older compilers overlook that constants use it.
const fn bits(error: Error) -> c_int {
    // SAFETY: both are four bytes, and an `Error` is never uninitialised.
    unsafe { mem::transmute::<Error, c_int>(error) }
}

// An `Error` is its errno, and nothing else.
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
    // SAFETY: the wrapper is transparent over such a count.
    unsafe { bindings::refcount_warn_saturate(count, overflow) };
}

/// Memory flags as C takes them, which the kernel crate keeps to itself.
///
/// Whatever is none of the usual ones asks for the least.
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

/// Zeroes, from `kmalloc()`.
#[inline]
pub(crate) fn zeroed_box<T>(flags: alloc::Flags) -> Result<alloc::KBox<MaybeUninit<T>>> {
    let zero = kernel::alloc::flags::__GFP_ZERO;
    Ok(alloc::KBox::new_uninit(flags | zero)?)
}

/// The memory of the program whose task runs; `None` in a thread of the kernel.
///
/// The same as `current!().mm()`, which reads it where the bindings have that field of the task. Not in every
/// kernel that is where C has it: bindgen knows nothing of the alignment that some fields before it ask for. Here C
/// reads it.
#[inline]
pub fn current_mm() -> Option<ARef<MmWithUser>> {
    // SAFETY: the task that runs is alive.
    let mm = unsafe { bindings::get_task_mm(bindings::get_current()) };
    // SAFETY: not `NULL`, it comes with a reference that is ours now. The wrapper is transparent.
    NonNull::new(mm).map(|mm| unsafe { ARef::from_raw(mm.cast()) })
}

/// A reference to the credentials of the task that runs.
///
/// # Safety
///
/// `read` reads the member `cred` of `task_struct`, of which `V` is a view.
#[inline]
pub(crate) unsafe fn running_credentials<V>(
    read: fn(&V) -> *const bindings::cred,
) -> NonNull<bindings::cred> {
    // SAFETY: the task that runs is alive, and `V` is a view of it.
    let cred = read(unsafe { &*bindings::get_current().cast::<V>() }).cast_mut();
    // SAFETY: never `NULL`. The task has a reference, so this count is above zero, and one more may be taken. Not
    // by `get_cred()`: that this one is sound is known here.
    unsafe {
        let usage = &raw mut (*cred).usage;
        let usage = atomic::Atomic::<i64>::from_ptr(usage.cast());
        usage.add(1, atomic::Relaxed);
        NonNull::new_unchecked(cred)
    }
}

const _: () = assert!(size_of::<bindings::atomic_long_t>() == size_of::<i64>());

/// Sleeps a little.
#[inline]
pub(crate) fn relax() {
    kernel::time::delay::fsleep(kernel::time::Delta::from_millis(1));
}

/// The error of that errno.
///
/// The kernel crate's own way asks once more whether it is one, in a function that is not inlined; and
/// a compiler that sees all of it makes nothing of an errno that goes through.
///
/// # Safety
///
/// It is an errno: negative, and not below -4095.
#[inline(always)]
pub(crate) const unsafe fn error(errno: c_int) -> Error {
    // SAFETY: an `Error` is its errno, as was checked above, and the caller guarantees it.
    unsafe { mem::transmute::<c_int, Error>(errno) }
}
