// SPDX-License-Identifier: GPL-2.0-only

//! What the task that runs is allowed to do.

use crate::platform::bindings;
use core::ffi::c_int;

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
