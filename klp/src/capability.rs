// SPDX-License-Identifier: GPL-2.0-only

//! What the task that runs is allowed to do.

use crate::layout::KernelStruct;
use crate::platform::bindings;
use crate::signature::same_text;
use core::ffi::c_int;
use core::ptr;

/// A capability: C's `CAP_...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Whether the task that runs has the capability, over the whole system.
///
/// The kernel notes that the task used it. So ask last, when everything else is allowed.
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
    // SAFETY: the number is that of a capability; nothing else is asked for.
    unsafe { bindings::capable(capability.0) }
}

/// Whether the task that runs has the capability over a user namespace.
///
/// The namespace is a [`UserNamespace`](crate::cred::UserNamespace), or a view of the author's of
/// `struct user_namespace`; another view does not compile. As for [`capable`], the kernel notes that
/// the task used the capability.
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
    const {
        assert!(
            same_text(N::NAME, "user_namespace"),
            "a capability is over a user namespace: give a `&UserNamespace`, or a view of \
             `user_namespace`"
        );
    };
    let namespace = ptr::from_ref(namespace).cast_mut().cast();
    // SAFETY: a namespace, as its name says, which lives as long as the reference. The number is
    // that of a capability.
    unsafe { bindings::ns_capable(namespace, capability.0) }
}
