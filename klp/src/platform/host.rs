// SPDX-License-Identifier: GPL-2.0-only

//! The host platform: stand-ins for the items that `platform/kernel.rs` takes from the kernel, with the same names and
//! types.
//!
//! With them a patch can be type-checked, and the macro tested, without a kernel. They do not emulate it: the wrappers
//! have no contents, and patches cannot be enabled.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// Declares C structures whose contents are not used on the host.
macro_rules! opaque {
    ($($(#[$meta:meta])* $name:ident)*) => {$(
        $(#[$meta])*
        #[allow(missing_docs, non_camel_case_types)]
        #[repr(C)]
        pub struct $name {
            _contents: [u8; 0],
        }
    )*};
}

/// C declarations.
pub mod bindings {
    pub use super::cred::{
        current_euid, current_user_ns, file_ns_capable, netlink_capable, netlink_ns_capable,
        ns_capable, put_cred,
    };
    pub use super::functions::*;
    pub use super::shadow::*;
    use core::ffi::{c_char, c_int, c_uint, c_ulong, c_void};

    opaque! { ctl_table device file mm_struct pid_namespace seq_file sk_buff task_struct }

    #[allow(missing_docs, non_camel_case_types)]
    pub type gfp_t = c_uint;
    /// C's `GFP_KERNEL`.
    pub const GFP_KERNEL: gfp_t = 0;

    #[allow(missing_docs, non_camel_case_types)]
    pub type module_state = c_uint;
    #[allow(missing_docs, non_upper_case_globals)]
    pub const module_state_MODULE_STATE_LIVE: module_state = 0;
    #[allow(missing_docs, non_upper_case_globals)]
    pub const module_state_MODULE_STATE_COMING: module_state = 1;
    #[allow(missing_docs, non_upper_case_globals)]
    pub const module_state_MODULE_STATE_GOING: module_state = 2;

    /// C's `kuid_t`.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct kuid_t {
        pub val: c_uint,
    }

    /// C's `kgid_t`.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct kgid_t {
        pub val: c_uint,
    }

    /// C's `struct user_namespace`, of which only the address is used.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct user_namespace {
        _contents: u8,
    }

    impl user_namespace {
        pub(crate) const fn new() -> Self {
            Self { _contents: 0 }
        }
    }

    /// The fields of C's `struct cred` that klp reads.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct cred {
        pub uid: kuid_t,
        pub gid: kgid_t,
        pub euid: kuid_t,
        pub egid: kgid_t,
        pub user_ns: *mut user_namespace,
    }

    pub use crate::arch::stand_in::pt_regs;

    /// The field of C's `struct module` that klp reads.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct module {
        pub state: module_state,
    }

    /// C's `struct klp_callbacks`.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_callbacks {
        pub pre_patch: Option<unsafe extern "C" fn(*mut klp_object) -> c_int>,
        pub post_patch: Option<unsafe extern "C" fn(*mut klp_object)>,
        pub pre_unpatch: Option<unsafe extern "C" fn(*mut klp_object)>,
        pub post_unpatch: Option<unsafe extern "C" fn(*mut klp_object)>,
        pub post_unpatch_enabled: bool,
    }

    /// C's `struct klp_state`.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_state {
        pub id: usize,
        pub version: c_uint,
        pub data: *mut c_void,
    }

    /// The fields of C's `struct klp_func` that klp sets.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_func {
        pub old_name: *const c_char,
        pub new_func: *mut c_void,
        pub old_sympos: c_ulong,
        pub(crate) internal: [usize; 1],
        pub transition: bool,
    }

    /// The fields of C's `struct klp_object` that klp uses.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_object {
        pub name: *const c_char,
        pub funcs: *mut klp_func,
        pub callbacks: klp_callbacks,
        pub mod_: *mut module,
    }

    /// The field of C's `struct kobject` that klp reads.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct kobject {
        pub name: *const c_char,
    }

    /// The fields of C's `struct klp_patch` that klp uses.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_patch {
        pub mod_: *mut module,
        pub objs: *mut klp_object,
        pub states: *mut klp_state,
        pub replace: bool,
        pub kobj: kobject,
        pub enabled: bool,
        pub forced: bool,
    }

    /// Returns `NULL`: there is no previous patch on the host.
    ///
    /// # Safety
    ///
    /// No requirements; the kernel's function has some.
    pub unsafe fn klp_get_prev_state(_id: usize) -> *mut klp_state {
        core::ptr::null_mut()
    }

    /// Fails: there is no kernel to patch on the host.
    ///
    /// # Safety
    ///
    /// No requirements; the kernel's function has some.
    pub unsafe fn klp_enable_patch(_patch: *mut klp_patch) -> c_int {
        const ENOSYS: c_int = 38;
        -ENOSYS
    }
}

/// The host accepts patches that need klp-core.
pub(crate) const HAS_LIFECYCLE: bool = true;

/// Fails: there is no kernel to patch on the host.
pub(crate) unsafe fn klp_register_patch(_patch: *mut bindings::klp_patch) -> c_int {
    const ENOSYS: c_int = 38;
    -ENOSYS
}

/// Does nothing: no patch is registered on the host.
pub(crate) unsafe fn klp_unregister_patch(_patch: *mut bindings::klp_patch) -> c_int {
    0
}

/// An errno.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Error(c_int);

impl Error {
    /// Creates an error from a negative errno.
    pub const fn from_errno(errno: c_int) -> Self {
        Self(errno)
    }

    /// Returns the negative errno.
    pub const fn to_errno(self) -> c_int {
        self.0
    }
}

/// Returns the error of a negative errno, in a `const` context.
pub(crate) const fn constant_error(errno: c_int) -> Error {
    Error::from_errno(errno)
}

/// A result whose error is an errno.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// Converts a C result: 0 or a negative errno.
pub fn to_result(errno: c_int) -> Result {
    if errno < 0 {
        return Err(Error::from_errno(errno));
    }
    Ok(())
}

/// A kernel module.
pub struct ThisModule(());

impl ThisModule {
    #[doc(hidden)]
    pub const ON_HOST: Self = Self(());
}

/// The entry point of a module.
pub trait Module: Sized + Sync + Send {
    /// Runs when the module is loaded.
    fn init(module: &'static ThisModule) -> Result<Self>;
}

#[path = "host/alloc.rs"]
pub mod alloc;
#[path = "host/atomic.rs"]
pub mod atomic;
#[path = "host/cred.rs"]
mod cred;
#[path = "host/functions.rs"]
mod functions;
#[path = "host/locks.rs"]
pub(crate) mod locks;
#[path = "host/shadow.rs"]
mod shadow;
#[path = "text.rs"]
mod text;
#[path = "host/user.rs"]
mod user;
#[path = "vec.rs"]
pub mod vec;

pub use crate::{pr_err, pr_info, pr_warn};
pub(crate) use atomic::refcount_add_overflowed;
pub use atomic::Refcount;
pub use cred::Kuid;
pub use user::UserPtr;

/// The sizes of C's list heads and nodes.
pub(crate) mod list_size {
    const POINTER: usize = size_of::<*const u8>();

    pub(crate) const LIST_HEAD: usize = 2 * POINTER;
    pub(crate) const HLIST_HEAD: usize = POINTER;
    pub(crate) const HLIST_NODE: usize = 2 * POINTER;
    pub(crate) const HLIST_NULLS_HEAD: usize = POINTER;
    pub(crate) const HLIST_NULLS_NODE: usize = 2 * POINTER;
}

/// Returns the credentials of root.
///
/// # Safety
///
/// No requirements; the kernel platform's function has one.
pub(crate) unsafe fn running_credentials<V>(
    _read: fn(&V) -> *const bindings::cred,
) -> core::ptr::NonNull<bindings::cred> {
    cred::root()
}

/// Clock ticks in a second.
pub(crate) const HZ: usize = 250;

/// Converts allocation flags to C's.
pub(crate) fn gfp(_flags: alloc::Flags) -> bindings::gfp_t {
    bindings::GFP_KERNEL
}

pub use rcu::read_lock as rcu_read_lock;

/// Stand-ins for RCU, which do nothing.
pub mod rcu {
    use core::marker::PhantomData;

    /// A read-side critical section.
    pub struct Guard(PhantomData<*mut ()>);

    /// Begins a read-side critical section.
    pub fn read_lock() -> Guard {
        Guard(PhantomData)
    }
}

/// Returns a box of zeroed memory.
pub(crate) fn zeroed_box<T>(_flags: alloc::Flags) -> Result<alloc::KBox<MaybeUninit<T>>> {
    Ok(alloc::KBox::zeroed())
}

/// Stand-ins for the `kernel` crate's wrappers.
pub mod wrappers {
    use super::{bindings, Kuid, PhantomData};
    use core::cell::UnsafeCell;

    opaque! {
        /// C's `struct file`.
        File
        /// C's `struct file`, to which only the current task has a reference, or whose position it has locked.
        LocalFile
        /// C's `struct mm_struct`.
        Mm
        /// C's `struct pid_namespace`.
        PidNamespace
        /// C's `struct seq_file`, to which `seq_print!` writes.
        SeqFile
        /// C's `struct task_struct`.
        Task
    }

    /// C's `struct cred`.
    #[repr(transparent)]
    pub struct Credential(UnsafeCell<bindings::cred>);

    impl Credential {
        /// Returns the effective user.
        pub fn euid(&self) -> Kuid {
            // SAFETY: this field does not change.
            Kuid::from_raw(unsafe { (*self.0.get()).euid })
        }
    }

    /// C's `struct device`, in the state `Ctx`.
    #[repr(C)]
    pub struct Device<Ctx = ()>(PhantomData<Ctx>);

    impl core::ops::Deref for File {
        type Target = LocalFile;

        fn deref(&self) -> &LocalFile {
            // SAFETY: both are empty.
            unsafe { &*core::ptr::from_ref(self).cast() }
        }
    }

    impl SeqFile {
        #[doc(hidden)]
        pub fn call_printf(&self, _args: core::fmt::Arguments<'_>) {}
    }
}

pub mod prelude {
    //! The items that [`crate::prelude`] re-exports.
    pub use super::alloc::*;
    pub use super::text::{c_char, CStrExt as _};
    pub use super::user::*;
    pub use super::vec::KVec;
    pub use super::wrappers::*;
    pub use super::{Error, Result, ThisModule};
    pub use crate::{
        pr_err as pr_alert_once, pr_err as pr_crit_once, pr_err as pr_emerg_once,
        pr_err as pr_err_once, pr_info as pr_info_once, pr_info as pr_notice_once,
        pr_warn as pr_warn_once,
    };
    pub use crate::{pr_err, pr_info, pr_warn, seq_print};
    pub use core::ffi::{
        c_int, c_long, c_longlong, c_short, c_uchar, c_uint, c_ulong, c_ulonglong, c_ushort,
        c_void, CStr,
    };
    pub use core::pin::Pin;
}

/// Returns `NULL`: there is no module on the host.
pub(crate) const fn this_module() -> *mut bindings::module {
    core::ptr::null_mut()
}

/// Writes to a [`SeqFile`](crate::prelude::SeqFile).
#[doc(hidden)]
#[macro_export]
macro_rules! seq_print {
    ($m:expr, $($arg:tt)+) => { $m.call_printf(::core::format_args!($($arg)+)) };
}

/// Prints to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_info {
    ($($arg:tt)+) => {{ let _ = ::core::format_args!($($arg)+); }};
}

/// Prints to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_warn {
    ($($arg:tt)+) => {{ let _ = ::core::format_args!($($arg)+); }};
}

/// Prints to the kernel's log.
#[doc(hidden)]
#[macro_export]
macro_rules! pr_err {
    ($($arg:tt)+) => {{ let _ = ::core::format_args!($($arg)+); }};
}

/// Checks the arguments of the `kernel` crate's macro `module!`.
#[doc(hidden)]
#[macro_export]
macro_rules! host_module {
    (
        type: $type:ty,
        name: $name:literal,
        $(authors: [$($author:literal),* $(,)?],)?
        description: $description:literal,
        license: $license:literal $(,)?
    ) => {
        const _: () = {
            const fn is_module<T: $crate::__private::Module>() {}
            is_module::<$type>();
            let _: [&str; 3] = [$name, $description, $license];
            $(let _: &[&str] = &[$($author),*];)?
        };
    };
}

pub use host_module as module;

/// Checks the modinfo entries of a livepatch, which are not emitted on the host.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_modinfo {
    () => {
        $crate::livepatch_modinfo!(12 b"livepatch=Y\0");
    };
    (unsafe) => {
        $crate::livepatch_modinfo!();
        $crate::livepatch_modinfo!(13 b"klp_unsafe=Y\0");
    };
    ($length:literal $entry:literal) => {
        const _: [u8; $length] = *$entry;
    };
}

/// Returns `false`: the host needs no livepatch relocations.
pub(crate) fn is_unlinked() -> bool {
    false
}

/// Emits nothing: there are no kernel symbols on the host.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_symbols {
    ($text:literal $($weak:literal)*) => {};
}

/// Returns the error of an errno.
///
/// # Safety
///
/// `errno` is a negative errno.
pub(crate) unsafe fn error(errno: c_int) -> Error {
    Error::from_errno(errno)
}

/// Returns 0: there are no patch sites on the host.
pub(crate) fn traced_call(_function: *const u8) -> usize {
    0
}

/// Does nothing: there are no patches on the host.
///
/// # Safety
///
/// No requirements; the kernel platform's function has one.
pub(crate) unsafe fn each_patch(_each: impl FnMut(*const bindings::klp_patch) -> bool) {}

/// Does nothing: there are no patches on the host.
pub(crate) fn with_patches(_each: impl FnMut(*const bindings::klp_patch) -> bool) {}

/// Emits nothing: there are no originals on the host.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_originals {
    ($($anything:tt)*) => {};
}

/// Expands to its argument in builds for a kernel only.
#[doc(hidden)]
#[macro_export]
macro_rules! in_kernel {
    ($($item:tt)*) => {};
}

/// Expands to its argument in builds for the host only.
#[doc(hidden)]
#[macro_export]
macro_rules! on_host {
    ($($item:tt)*) => { $($item)* };
}
