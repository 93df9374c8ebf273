// SPDX-License-Identifier: GPL-2.0-only

//! Stand-ins for what `platform/kernel.rs` takes from the kernel, of the same names and shapes.
//!
//! They let a patch be type-checked, and the macro be tested, on a machine without a kernel.
//! Nothing here can be run in place of the kernel: the wrappers have no contents, and nothing is
//! ever enabled.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem::MaybeUninit;

/// A C structure whose contents are nobody's business here.
macro_rules! opaque {
    ($($name:ident)*) => {$(
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
    /// May sleep.
    pub const GFP_KERNEL: gfp_t = 0;

    #[allow(missing_docs, non_camel_case_types)]
    pub type module_state = c_uint;
    #[allow(missing_docs, non_upper_case_globals)]
    pub const module_state_MODULE_STATE_LIVE: module_state = 0;
    #[allow(missing_docs, non_upper_case_globals)]
    pub const module_state_MODULE_STATE_COMING: module_state = 1;
    #[allow(missing_docs, non_upper_case_globals)]
    pub const module_state_MODULE_STATE_GOING: module_state = 2;

    /// A user as the kernel knows it.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct kuid_t {
        pub val: c_uint,
    }

    /// A group as the kernel knows it.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct kgid_t {
        pub val: c_uint,
    }

    /// A user namespace; what matters is where it is.
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

    /// The fields of the kernel's structure that klp reads.
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

    /// The field of the kernel's structure that klp reads.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct module {
        pub state: module_state,
    }

    /// The kernel's structure.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_callbacks {
        pub pre_patch: Option<unsafe extern "C" fn(*mut klp_object) -> c_int>,
        pub post_patch: Option<unsafe extern "C" fn(*mut klp_object)>,
        pub pre_unpatch: Option<unsafe extern "C" fn(*mut klp_object)>,
        pub post_unpatch: Option<unsafe extern "C" fn(*mut klp_object)>,
        pub post_unpatch_enabled: bool,
    }

    /// The kernel's structure.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_state {
        pub id: usize,
        pub version: c_uint,
        pub data: *mut c_void,
    }

    /// The external fields of the kernel's structure.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_func {
        pub old_name: *const c_char,
        pub new_func: *mut c_void,
        pub old_sympos: c_ulong,
        pub(crate) internal: [usize; 1],
        pub transition: bool,
    }

    /// The external fields of the kernel's structure.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct klp_object {
        pub name: *const c_char,
        pub funcs: *mut klp_func,
        pub callbacks: klp_callbacks,
        pub mod_: *mut module,
    }

    /// The field of the kernel's structure that klp reads.
    #[allow(missing_docs, non_camel_case_types)]
    #[repr(C)]
    pub struct kobject {
        pub name: *const c_char,
    }

    /// The fields of the kernel's structure that klp knows.
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

    /// No patch was before.
    ///
    /// # Safety
    ///
    /// None is asked for; the kernel's function of this name does.
    pub unsafe fn klp_get_prev_state(_id: usize) -> *mut klp_state {
        core::ptr::null_mut()
    }

    /// There is no kernel here to patch.
    ///
    /// # Safety
    ///
    /// None is asked for; the kernel's function of this name does.
    pub unsafe fn klp_enable_patch(_patch: *mut klp_patch) -> c_int {
        const ENOSYS: c_int = 38;
        -ENOSYS
    }
}

/// Here nothing is refused for the kernel's livepatch core.
pub(crate) const HAS_LIFECYCLE: bool = true;

/// There is no kernel here to patch.
pub(crate) unsafe fn klp_register_patch(_patch: *mut bindings::klp_patch) -> c_int {
    const ENOSYS: c_int = 38;
    -ENOSYS
}

/// There is no kernel here to patch.
pub(crate) unsafe fn klp_unregister_patch(_patch: *mut bindings::klp_patch) -> c_int {
    0
}

/// An errno.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Error(c_int);

impl Error {
    /// `errno` is negative.
    pub const fn from_errno(errno: c_int) -> Self {
        Self(errno)
    }

    /// Negative.
    pub const fn to_errno(self) -> c_int {
        self.0
    }
}

/// The error of a constant errno.
pub(crate) const fn constant_error(errno: c_int) -> Error {
    Error::from_errno(errno)
}

/// A result whose error is an errno.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// A C result as a Rust one.
pub fn to_result(errno: c_int) -> Result {
    if errno < 0 {
        return Err(Error::from_errno(errno));
    }
    Ok(())
}

/// A module of the kernel.
pub struct ThisModule(());

impl ThisModule {
    #[doc(hidden)]
    pub const ON_HOST: Self = Self(());
}

/// What a module does when it is loaded.
pub trait Module: Sized + Sync + Send {
    /// Runs at load.
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

/// The size of what links lists in C.
pub(crate) mod list_size {
    const POINTER: usize = size_of::<*const u8>();

    pub(crate) const LIST_HEAD: usize = 2 * POINTER;
    pub(crate) const HLIST_HEAD: usize = POINTER;
    pub(crate) const HLIST_NODE: usize = 2 * POINTER;
    pub(crate) const HLIST_NULLS_HEAD: usize = POINTER;
    pub(crate) const HLIST_NULLS_NODE: usize = 2 * POINTER;
}

/// Those of root.
///
/// # Safety
///
/// There is no requirement; the kernel's asks for one.
pub(crate) unsafe fn running_credentials<V>(
    _read: fn(&V) -> *const bindings::cred,
) -> core::ptr::NonNull<bindings::cred> {
    cred::root()
}

/// Clock ticks in a second.
pub(crate) const HZ: usize = 250;

/// Memory flags as C takes them.
pub(crate) fn gfp(_flags: alloc::Flags) -> bindings::gfp_t {
    bindings::GFP_KERNEL
}

pub use rcu::read_lock as rcu_read_lock;

/// Readers and writers take turns here.
pub mod rcu {
    use core::marker::PhantomData;

    /// Nobody writes while it exists.
    pub struct Guard(PhantomData<*mut ()>);

    /// Begins reading.
    pub fn read_lock() -> Guard {
        Guard(PhantomData)
    }
}

/// Zeroes, in memory of their own.
pub(crate) fn zeroed_box<T>(_flags: alloc::Flags) -> Result<alloc::KBox<MaybeUninit<T>>> {
    Ok(alloc::KBox::zeroed())
}

/// The wrappers.
pub mod wrappers {
    use super::{bindings, Kuid, PhantomData};
    use core::cell::UnsafeCell;

    opaque! { File LocalFile Mm PidNamespace SeqFile Task }

    /// Credentials.
    #[repr(transparent)]
    pub struct Credential(UnsafeCell<bindings::cred>);

    impl Credential {
        /// The effective user.
        pub fn euid(&self) -> Kuid {
            // SAFETY: nobody changes it.
            Kuid::from_raw(unsafe { (*self.0.get()).euid })
        }
    }

    /// A device in the state `Ctx`.
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
    //! What [`crate::prelude`] takes from here.
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

/// There is no module here.
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

/// Checks what the kernel's macro of this name is given.
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

/// The modinfo entry of a livepatch; nothing loads it here.
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

/// Nothing is linked here.
pub(crate) fn is_unlinked() -> bool {
    false
}

/// Symbols of the kernel; there are none here.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_symbols {
    ($text:literal $($weak:literal)*) => {};
}

/// The error of that errno.
///
/// # Safety
///
/// It is an errno.
pub(crate) unsafe fn error(errno: c_int) -> Error {
    Error::from_errno(errno)
}

/// There are no functions of a kernel here.
pub(crate) fn traced_call(_function: *const u8) -> usize {
    0
}

/// There are no patches here.
///
/// # Safety
///
/// None is asked for; the kernel's function of this name does.
pub(crate) unsafe fn each_patch(_each: impl FnMut(*const bindings::klp_patch) -> bool) {}

/// There are no patches here.
pub(crate) fn with_patches(_each: impl FnMut(*const bindings::klp_patch) -> bool) {}

/// The originals of a patch; there are none here.
#[doc(hidden)]
#[macro_export]
macro_rules! livepatch_originals {
    ($($anything:tt)*) => {};
}

/// What is for kernels only.
#[doc(hidden)]
#[macro_export]
macro_rules! in_kernel {
    ($($item:tt)*) => {};
}

/// What is for the host only.
#[doc(hidden)]
#[macro_export]
macro_rules! on_host {
    ($($item:tt)*) => { $($item)* };
}
