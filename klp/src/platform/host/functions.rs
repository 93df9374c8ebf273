// SPDX-License-Identifier: GPL-2.0-only

//! Stand-ins for functions, variables and constants of the kernel that klp's wrappers use.

use super::bindings::ctl_table;
use core::ffi::{c_int, c_void};

macro_rules! capabilities {
    ($($name:ident = $number:literal)*) => {$(
        #[allow(missing_docs)]
        pub const $name: u32 = $number;
    )*};
}

capabilities! {
    CAP_CHOWN = 0 CAP_DAC_OVERRIDE = 1 CAP_DAC_READ_SEARCH = 2 CAP_FOWNER = 3 CAP_FSETID = 4
    CAP_KILL = 5 CAP_SETGID = 6 CAP_SETUID = 7 CAP_SETPCAP = 8 CAP_LINUX_IMMUTABLE = 9
    CAP_NET_BIND_SERVICE = 10 CAP_NET_BROADCAST = 11 CAP_NET_ADMIN = 12 CAP_NET_RAW = 13
    CAP_IPC_LOCK = 14 CAP_IPC_OWNER = 15 CAP_SYS_MODULE = 16 CAP_SYS_RAWIO = 17
    CAP_SYS_CHROOT = 18 CAP_SYS_PTRACE = 19 CAP_SYS_PACCT = 20 CAP_SYS_ADMIN = 21
    CAP_SYS_BOOT = 22 CAP_SYS_NICE = 23 CAP_SYS_RESOURCE = 24 CAP_SYS_TIME = 25
    CAP_SYS_TTY_CONFIG = 26 CAP_MKNOD = 27 CAP_LEASE = 28 CAP_AUDIT_WRITE = 29
    CAP_AUDIT_CONTROL = 30 CAP_SETFCAP = 31 CAP_MAC_OVERRIDE = 32 CAP_MAC_ADMIN = 33
    CAP_SYSLOG = 34 CAP_WAKE_ALARM = 35 CAP_BLOCK_SUSPEND = 36 CAP_AUDIT_READ = 37
    CAP_PERFMON = 38 CAP_BPF = 39 CAP_CHECKPOINT_RESTORE = 40
}

/// Returns `false`: no task has capabilities on the host.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn capable(_capability: c_int) -> bool {
    false
}

/// The time in jiffies, which does not change on the host.
#[allow(non_upper_case_globals)]
pub static mut jiffies: usize = 0;

const ENOSYS: c_int = 38;

macro_rules! handlers {
    ($($name:ident)*) => {$(
        /// Fails with `ENOSYS`: there are no sysctls on the host.
        ///
        /// # Safety
        ///
        /// No requirements; the kernel's function has some.
        pub unsafe extern "C" fn $name(
            _table: *const ctl_table,
            _write: c_int,
            _buffer: *mut c_void,
            _length: *mut usize,
            _position: *mut i64,
        ) -> c_int {
            -ENOSYS
        }
    )*};
}

handlers! { proc_dointvec proc_dointvec_minmax }
