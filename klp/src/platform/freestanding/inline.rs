// SPDX-License-Identifier: GPL-2.0-only

//! Declarations of the functions in `klp/c`, under the names of the C functions that they wrap.

#[cfg(not(CONFIG_PREEMPT_RT))]
use super::bindings::rwlock_t;
use super::bindings::{
    cred, ctl_table, file, gfp_t, kuid_t, lock_class_key, mutex, raw_spinlock_t, spinlock_t,
    task_struct, user_namespace,
};
use super::ffi::c_char;
use core::ffi::{c_int, c_ulong, c_void};

macro_rules! functions {
    ($($link:literal $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        #[allow(improper_ctypes)] // In some configurations some structures are empty.
        extern "C" {
            $(
                #[link_name = $link]
                pub fn $name($($arg: $type),*) $(-> $result)?;
            )*
        }
    };
}

functions! {
    "klp_c_spin_lock" spin_lock(lock: *mut spinlock_t);
    "klp_c_spin_unlock" spin_unlock(lock: *mut spinlock_t);
    "klp_c_spin_trylock" spin_trylock(lock: *mut spinlock_t) -> c_int;
    "klp_c_rcu_read_lock" rcu_read_lock();
    "klp_c_rcu_read_unlock" rcu_read_unlock();
    "klp_c_kmalloc" kmalloc(size: usize, flags: gfp_t) -> *mut c_void;
    "klp_c_krealloc" krealloc(place: *const c_void, size: usize, flags: gfp_t) -> *mut c_void;
    "klp_c_get_current" get_current() -> *mut task_struct;
    "klp_c___mutex_init" __mutex_init(lock: *mut mutex, name: *const c_char, key: *mut lock_class_key);
    "klp_c_get_current_cred" get_current_cred() -> *const cred;
    "klp_c_put_cred" put_cred(cred: *const cred);
    "klp_c_file_flags" file_flags(file: *const file) -> u32;
    "klp_c_file_cred" file_cred(file: *const file) -> *const cred;
    "klp_c_task_pid" task_pid(task: *mut task_struct) -> c_int;
    "klp_c_task_uid" task_uid(task: *mut task_struct) -> kuid_t;
    "klp_c_task_euid" task_euid(task: *mut task_struct) -> kuid_t;
    "klp_c_signal_pending" signal_pending(task: *mut task_struct) -> c_int;
    "klp_c_current_euid" current_euid() -> kuid_t;
    "klp_c_current_user_ns" current_user_ns() -> *mut user_namespace;
    "klp_c_uid_in_current_ns" uid_in_current_ns(user: kuid_t) -> u32;
    "klp_c_copy_from_user" copy_from_user(to: *mut c_void, from: *const c_void, length: usize) -> c_ulong;
    "klp_c_copy_to_user" copy_to_user(to: *mut c_void, from: *const c_void, length: usize) -> c_ulong;
}

macro_rules! handlers {
    ($($link:literal $name:ident;)*) => {$(
        extern "C" {
            #[link_name = $link]
            pub fn $name(
                table: *const ctl_table,
                write: c_int,
                buffer: *mut c_void,
                length: *mut usize,
                position: *mut i64,
            ) -> c_int;
        }
    )*};
}

handlers! {
    "klp_c_proc_dointvec" proc_dointvec;
    "klp_c_proc_dointvec_minmax" proc_dointvec_minmax;
}

macro_rules! raw_locks {
    ($($lock:ty: $($link:literal $name:ident $(-> $result:ty)?),*;)*) => {
        extern "C" {
            $($(
                #[link_name = $link]
                pub fn $name(lock: *mut $lock) $(-> $result)?;
            )*)*
        }
    };
}

raw_locks! {
    raw_spinlock_t:
        "klp_c__raw_spin_lock" _raw_spin_lock,
        "klp_c__raw_spin_lock_irq" _raw_spin_lock_irq,
        "klp_c__raw_spin_lock_bh" _raw_spin_lock_bh,
        "klp_c__raw_spin_unlock" _raw_spin_unlock,
        "klp_c__raw_spin_unlock_irq" _raw_spin_unlock_irq,
        "klp_c__raw_spin_unlock_bh" _raw_spin_unlock_bh,
        "klp_c__raw_spin_trylock" _raw_spin_trylock -> c_int,
        "klp_c__raw_spin_lock_irqsave" _raw_spin_lock_irqsave -> usize;
}

// With PREEMPT_RT the kernel exports functions of other names for these.
#[cfg(not(CONFIG_PREEMPT_RT))]
raw_locks! {
    rwlock_t:
        "klp_c__raw_read_lock" _raw_read_lock,
        "klp_c__raw_read_lock_irq" _raw_read_lock_irq,
        "klp_c__raw_read_lock_bh" _raw_read_lock_bh,
        "klp_c__raw_read_unlock" _raw_read_unlock,
        "klp_c__raw_read_unlock_irq" _raw_read_unlock_irq,
        "klp_c__raw_read_unlock_bh" _raw_read_unlock_bh,
        "klp_c__raw_read_trylock" _raw_read_trylock -> c_int,
        "klp_c__raw_read_lock_irqsave" _raw_read_lock_irqsave -> usize,
        "klp_c__raw_write_lock" _raw_write_lock,
        "klp_c__raw_write_lock_irq" _raw_write_lock_irq,
        "klp_c__raw_write_lock_bh" _raw_write_lock_bh,
        "klp_c__raw_write_unlock" _raw_write_unlock,
        "klp_c__raw_write_unlock_irq" _raw_write_unlock_irq,
        "klp_c__raw_write_unlock_bh" _raw_write_unlock_bh,
        "klp_c__raw_write_trylock" _raw_write_trylock -> c_int,
        "klp_c__raw_write_lock_irqsave" _raw_write_lock_irqsave -> usize;
}

functions! {
    "klp_c__raw_spin_unlock_irqrestore" _raw_spin_unlock_irqrestore(lock: *mut raw_spinlock_t, flags: usize);
}

#[cfg(not(CONFIG_PREEMPT_RT))]
functions! {
    "klp_c__raw_read_unlock_irqrestore" _raw_read_unlock_irqrestore(lock: *mut rwlock_t, flags: usize);
    "klp_c__raw_write_unlock_irqrestore" _raw_write_unlock_irqrestore(lock: *mut rwlock_t, flags: usize);
}
