// SPDX-License-Identifier: GPL-2.0-only

//! Capabilities, and checks of the current task's capabilities.

use crate::layout::KernelStruct;
use crate::platform::bindings;
use crate::platform::wrappers::LocalFile;
use crate::signature::{same_text, CType, Shape, TargetOf};
use core::ffi::c_int;
use core::ptr;

/// A capability: C's `CAP_...`.
///
/// A [declared](mod@crate::symbols) function of the kernel can take one in place of an `int`:
///
/// ```
/// use klp::prelude::*;
///
/// #[klp::symbols(object = "vmlinux")]
/// unsafe extern "C" {
///     safe fn sandbox_capable(capability: Capability) -> bool;
/// }
///
/// fn may_trace() -> bool {
///     sandbox_capable(Capability::SYS_PTRACE)
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Capability(c_int);

macro_rules! capabilities {
    ($($name:ident = $c:ident;)*) => {
        impl Capability {
            $(
                #[doc = concat!("C's `", stringify!($c), "`.")]
                pub const $name: Self = Self(bindings::$c as c_int);
            )*
        }
    };
}

capabilities! {
    CHOWN = CAP_CHOWN;
    DAC_OVERRIDE = CAP_DAC_OVERRIDE;
    DAC_READ_SEARCH = CAP_DAC_READ_SEARCH;
    FOWNER = CAP_FOWNER;
    FSETID = CAP_FSETID;
    KILL = CAP_KILL;
    SETGID = CAP_SETGID;
    SETUID = CAP_SETUID;
    SETPCAP = CAP_SETPCAP;
    LINUX_IMMUTABLE = CAP_LINUX_IMMUTABLE;
    NET_BIND_SERVICE = CAP_NET_BIND_SERVICE;
    NET_BROADCAST = CAP_NET_BROADCAST;
    NET_ADMIN = CAP_NET_ADMIN;
    NET_RAW = CAP_NET_RAW;
    IPC_LOCK = CAP_IPC_LOCK;
    IPC_OWNER = CAP_IPC_OWNER;
    SYS_MODULE = CAP_SYS_MODULE;
    SYS_RAWIO = CAP_SYS_RAWIO;
    SYS_CHROOT = CAP_SYS_CHROOT;
    SYS_PTRACE = CAP_SYS_PTRACE;
    SYS_PACCT = CAP_SYS_PACCT;
    SYS_ADMIN = CAP_SYS_ADMIN;
    SYS_BOOT = CAP_SYS_BOOT;
    SYS_NICE = CAP_SYS_NICE;
    SYS_RESOURCE = CAP_SYS_RESOURCE;
    SYS_TIME = CAP_SYS_TIME;
    SYS_TTY_CONFIG = CAP_SYS_TTY_CONFIG;
    MKNOD = CAP_MKNOD;
    LEASE = CAP_LEASE;
    AUDIT_WRITE = CAP_AUDIT_WRITE;
    AUDIT_CONTROL = CAP_AUDIT_CONTROL;
    SETFCAP = CAP_SETFCAP;
    MAC_OVERRIDE = CAP_MAC_OVERRIDE;
    MAC_ADMIN = CAP_MAC_ADMIN;
    SYSLOG = CAP_SYSLOG;
    WAKE_ALARM = CAP_WAKE_ALARM;
    BLOCK_SUSPEND = CAP_BLOCK_SUSPEND;
    AUDIT_READ = CAP_AUDIT_READ;
    PERFMON = CAP_PERFMON;
    BPF = CAP_BPF;
    CHECKPOINT_RESTORE = CAP_CHECKPOINT_RESTORE;
}

/// Returns whether the current task has the capability in the initial user namespace.
///
/// The kernel records the use of the capability, so make this the last check.
///
/// ```
/// use klp::prelude::*;
/// use klp::{capable, Capability};
///
/// fn may_write(write: bool) -> Result {
///     if write && !capable(Capability::SYS_ADMIN) {
///         return Err(EPERM);
///     }
///     Ok(())
/// }
/// ```
#[inline]
pub fn capable(capability: Capability) -> bool {
    // SAFETY: the number is that of a capability.
    unsafe { bindings::capable(capability.0) }
}

/// Returns whether the current task has the capability in a user namespace.
///
/// The namespace is a [`UserNamespace`](crate::cred::UserNamespace), or a view of
/// `struct user_namespace`; another view does not compile. As for [`capable`], the kernel records the use.
///
/// ```
/// use klp::prelude::*;
/// use klp::cred::UserNamespace;
/// use klp::{ns_capable, Capability};
///
/// fn may_configure(namespace: &UserNamespace) -> Result {
///     if !ns_capable(namespace, Capability::NET_ADMIN) {
///         return Err(EPERM);
///     }
///     Ok(())
/// }
/// ```
///
/// ```compile_fail
/// use klp::syscall::SyscallArgs;
/// use klp::{ns_capable, Capability};
///
/// fn may_configure(registers: &SyscallArgs) -> bool {
///     ns_capable(registers, Capability::NET_ADMIN)
/// }
/// let _: fn(&SyscallArgs) -> bool = may_configure;
/// ```
#[inline]
pub fn ns_capable<N: KernelStruct>(namespace: &N, capability: Capability) -> bool {
    // SAFETY: the reference is to a live namespace, and the number is that of a capability.
    unsafe { bindings::ns_capable(namespace_ptr(namespace), capability.0) }
}

/// Returns whether the opener of the file had the capability in a user namespace, as C's function of that name. The
/// namespace is as for [`ns_capable`].
///
/// ```
/// use klp::cred::UserNamespace;
/// use klp::prelude::*;
/// use klp::{file_ns_capable, Capability};
///
/// fn opener_may(file: &LocalFile, namespace: &UserNamespace) -> bool {
///     file_ns_capable(file, namespace, Capability::SYS_ADMIN)
/// }
/// ```
#[inline]
pub fn file_ns_capable<N: KernelStruct>(
    file: &LocalFile,
    namespace: &N,
    capability: Capability,
) -> bool {
    let file = ptr::from_ref(file).cast();
    // SAFETY: the references are to a live file, over which the wrapper is transparent, and a live namespace. The number
    // is that of a capability.
    unsafe { bindings::file_ns_capable(file, namespace_ptr(namespace), capability.0) }
}

/// Returns whether the sender of a netlink message has the capability, and the socket's opener had it, as C's function
/// of that name. The message is a view of `struct sk_buff`.
///
/// ```
/// use klp::prelude::*;
/// use klp::{netlink_capable, Capability};
///
/// #[kernel_struct("sk_buff")]
/// struct SkBuff;
///
/// fn sender_may(message: &SkBuff) -> bool {
///     // SAFETY: callers pass a message that netlink received.
///     unsafe { netlink_capable(message, Capability::NET_ADMIN) }
/// }
/// # fn main() {}
/// ```
///
/// # Safety
///
/// The message was received by netlink: C reads netlink's control block in it.
#[inline]
pub unsafe fn netlink_capable<M: KernelStruct>(message: &M, capability: Capability) -> bool {
    // SAFETY: guaranteed by the caller. The number is that of a capability.
    unsafe { bindings::netlink_capable(skb_ptr(message), capability.0) }
}

/// Returns the same as [`netlink_capable`], in a user namespace as for [`ns_capable`].
///
/// # Safety
///
/// As for [`netlink_capable`].
#[inline]
pub unsafe fn netlink_ns_capable<M: KernelStruct, N: KernelStruct>(
    message: &M,
    namespace: &N,
    capability: Capability,
) -> bool {
    // SAFETY: guaranteed by the caller; the reference is to a live namespace, and the number is that of a capability.
    unsafe {
        bindings::netlink_ns_capable(skb_ptr(message), namespace_ptr(namespace), capability.0)
    }
}

/// Returns the pointer to a user namespace.
#[inline(always)]
fn namespace_ptr<N: KernelStruct>(namespace: &N) -> *mut bindings::user_namespace {
    const {
        assert!(
            same_text(N::NAME, "user_namespace"),
            "a capability is checked in a user namespace: pass a `&UserNamespace`, or a view of \
             `user_namespace`"
        );
    };
    ptr::from_ref(namespace).cast_mut().cast()
}

/// Returns the pointer to a message.
#[inline(always)]
fn skb_ptr<M: KernelStruct>(message: &M) -> *const bindings::sk_buff {
    const {
        assert!(
            same_text(M::NAME, "sk_buff"),
            "a netlink message is a `struct sk_buff`: pass a view of `sk_buff`"
        );
    };
    ptr::from_ref(message).cast()
}

impl CType for Capability {
    const SHAPE: Shape = Shape::Integer { signed: true };
    type Target = ();
}

impl TargetOf<Capability> for () {}
