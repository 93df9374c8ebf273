// SPDX-License-Identifier: GPL-2.0-only

//! The sizes of the kernel's locks, and the functions that take and release them.
//!
//! Sizes come from the bindings, and so from the kernel's configuration. The functions are those that
//! the kernel exports, or that `rust/helpers` exports for its macros. With PREEMPT_RT, `spinlock_t` and
//! `rwlock_t` are sleeping locks with other functions.

use super::super::{bindings, to_result, Result};

pub(crate) use super::super::relax;

/// The size of each lock in C.
pub(crate) mod size {
    use super::bindings;

    pub(crate) const MUTEX: usize = size_of::<bindings::mutex>();
    pub(crate) const LOCK_CLASS_KEY: usize = size_of::<bindings::lock_class_key>();
    pub(crate) const SPINLOCK: usize = size_of::<bindings::spinlock_t>();
    pub(crate) const RAW_SPINLOCK: usize = size_of::<bindings::raw_spinlock_t>();
    pub(crate) const RWLOCK: usize = size_of::<bindings::rwlock_t>();
    pub(crate) const RW_SEMAPHORE: usize = size_of::<bindings::rw_semaphore>();
}

// The safety requirements of all functions: `lock` is an initialised lock of that kind, and the caller holds a lock that
// it releases. "As above" below means that the caller guarantees this.

macro_rules! take {
    ($($name:ident by $function:ident)*) => {$(
        #[inline(always)]
        pub(crate) unsafe fn $name(lock: *mut u8) {
            // SAFETY: as above.
            unsafe { bindings::$function(lock.cast()) }
        }
    )*};
}

macro_rules! attempt {
    ($($name:ident by $function:ident)*) => {$(
        #[inline(always)]
        pub(crate) unsafe fn $name(lock: *mut u8) -> bool {
            // SAFETY: as above.
            unsafe { bindings::$function(lock.cast()) != 0 }
        }
    )*};
}

macro_rules! wait {
    ($($name:ident by $function:ident($($more:expr),*))*) => {$(
        #[inline(always)]
        pub(crate) unsafe fn $name(lock: *mut u8) -> Result {
            // SAFETY: as above.
            to_result(unsafe { bindings::$function(lock.cast() $(, $more)*) })
        }
    )*};
}

macro_rules! save {
    ($($name:ident by $function:ident)*) => {$(
        #[inline(always)]
        pub(crate) unsafe fn $name(lock: *mut u8) -> usize {
            // SAFETY: as above.
            unsafe { bindings::$function(lock.cast()) as usize }
        }
    )*};
}

macro_rules! restore {
    ($($name:ident by $function:ident)*) => {$(
        #[inline(always)]
        pub(crate) unsafe fn $name(lock: *mut u8, flags: usize) {
            // SAFETY: as above. CAST: the flags are a `long` in C, which has the same size.
            unsafe { bindings::$function(lock.cast(), flags as _) }
        }
    )*};
}

/// Initialises a mutex with the lock class of `key`.
///
/// # Safety
///
/// Nobody uses the mutex. The key is zeroed before its first use, and both are static.
#[inline]
pub(crate) unsafe fn mutex_init(mutex: *mut u8, key: *mut u8) {
    // SAFETY: guaranteed by the caller. The name is static too.
    unsafe {
        bindings::__mutex_init(
            mutex.cast(),
            c"klp::sync::StaticMutex".as_ptr().cast(),
            key.cast(),
        )
    }
}

take! {
    mutex_lock by mutex_lock
    mutex_unlock by mutex_unlock
    raw_spin_lock by _raw_spin_lock
    raw_spin_lock_irq by _raw_spin_lock_irq
    raw_spin_lock_bh by _raw_spin_lock_bh
    raw_spin_unlock by _raw_spin_unlock
    raw_spin_unlock_irq by _raw_spin_unlock_irq
    raw_spin_unlock_bh by _raw_spin_unlock_bh
    spin_lock by spin_lock
    spin_unlock by spin_unlock
    down_read by down_read
    down_write by down_write
    up_read by up_read
    up_write by up_write
}

attempt! {
    mutex_trylock by mutex_trylock
    raw_spin_trylock by _raw_spin_trylock
    spin_trylock by spin_trylock
    down_read_trylock by down_read_trylock
    down_write_trylock by down_write_trylock
}

wait! {
    down_read_killable by down_read_killable()
    down_write_killable by down_write_killable()
}

#[cfg(not(CONFIG_DEBUG_LOCK_ALLOC))]
wait! {
    mutex_lock_interruptible by mutex_lock_interruptible()
    mutex_lock_killable by mutex_lock_killable()
}

// With lockdep, the functions above are macros.
#[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
wait! {
    mutex_lock_interruptible by mutex_lock_interruptible_nested(0)
    mutex_lock_killable by _mutex_lock_killable(0, core::ptr::null_mut())
}

save! { raw_spin_lock_irqsave by _raw_spin_lock_irqsave }
restore! { raw_spin_unlock_irqrestore by _raw_spin_unlock_irqrestore }

#[cfg(not(CONFIG_PREEMPT_RT))]
mod spinning {
    use super::bindings;

    // A `spinlock_t` begins with its `raw_spinlock_t`.
    pub(crate) use super::{
        raw_spin_lock_bh as spin_lock_bh, raw_spin_lock_irq as spin_lock_irq,
        raw_spin_lock_irqsave as spin_lock_irqsave, raw_spin_unlock_bh as spin_unlock_bh,
        raw_spin_unlock_irq as spin_unlock_irq,
        raw_spin_unlock_irqrestore as spin_unlock_irqrestore,
    };

    take! {
        read_lock by _raw_read_lock
        read_lock_irq by _raw_read_lock_irq
        read_lock_bh by _raw_read_lock_bh
        read_unlock by _raw_read_unlock
        read_unlock_irq by _raw_read_unlock_irq
        read_unlock_bh by _raw_read_unlock_bh
        write_lock by _raw_write_lock
        write_lock_irq by _raw_write_lock_irq
        write_lock_bh by _raw_write_lock_bh
        write_unlock by _raw_write_unlock
        write_unlock_irq by _raw_write_unlock_irq
        write_unlock_bh by _raw_write_unlock_bh
    }

    attempt! {
        read_trylock by _raw_read_trylock
        write_trylock by _raw_write_trylock
    }

    save! {
        read_lock_irqsave by _raw_read_lock_irqsave
        write_lock_irqsave by _raw_write_lock_irqsave
    }

    restore! {
        read_unlock_irqrestore by _raw_read_unlock_irqrestore
        write_unlock_irqrestore by _raw_write_unlock_irqrestore
    }
}

#[cfg(not(CONFIG_PREEMPT_RT))]
pub(crate) use spinning::*;

/// The locks of PREEMPT_RT, which sleep and leave interrupts enabled.
#[cfg(CONFIG_PREEMPT_RT)]
mod sleeping {
    use super::bindings;

    take! {
        spin_lock_irq by rt_spin_lock
        spin_unlock_irq by rt_spin_unlock
        read_lock by rt_read_lock
        read_lock_irq by rt_read_lock
        read_unlock by rt_read_unlock
        read_unlock_irq by rt_read_unlock
        write_lock by rt_write_lock
        write_lock_irq by rt_write_lock
        write_unlock by rt_write_unlock
        write_unlock_irq by rt_write_unlock
    }

    attempt! {
        read_trylock by rt_read_trylock
        write_trylock by rt_write_trylock
    }

    macro_rules! without_flags {
        ($($lock:ident $unlock:ident by $take:ident $release:ident)*) => {$(
            #[inline(always)]
            pub(crate) unsafe fn $lock(lock: *mut u8) -> usize {
                // SAFETY: as above.
                unsafe { bindings::$take(lock.cast()) };
                0
            }

            #[inline(always)]
            pub(crate) unsafe fn $unlock(lock: *mut u8, _flags: usize) {
                // SAFETY: as above.
                unsafe { bindings::$release(lock.cast()) };
            }
        )*};
    }

    without_flags! {
        spin_lock_irqsave spin_unlock_irqrestore by rt_spin_lock rt_spin_unlock
        read_lock_irqsave read_unlock_irqrestore by rt_read_lock rt_read_unlock
        write_lock_irqsave write_unlock_irqrestore by rt_write_lock rt_write_unlock
    }

    macro_rules! bottom_halves_off {
        ($($lock:ident $unlock:ident by $take:ident $release:ident)*) => {$(
            #[inline(always)]
            pub(crate) unsafe fn $lock(lock: *mut u8) {
                // SAFETY: as above. The address is for tracers.
                unsafe {
                    bindings::__local_bh_disable_ip(
                        $lock as usize as _,
                        bindings::SOFTIRQ_DISABLE_OFFSET,
                    );
                    bindings::$take(lock.cast());
                }
            }

            #[inline(always)]
            pub(crate) unsafe fn $unlock(lock: *mut u8) {
                // SAFETY: as above.
                unsafe {
                    bindings::$release(lock.cast());
                    bindings::__local_bh_enable_ip(
                        $unlock as usize as _,
                        bindings::SOFTIRQ_DISABLE_OFFSET,
                    );
                }
            }
        )*};
    }

    bottom_halves_off! {
        spin_lock_bh spin_unlock_bh by rt_spin_lock rt_spin_unlock
        read_lock_bh read_unlock_bh by rt_read_lock rt_read_unlock
        write_lock_bh write_unlock_bh by rt_write_lock rt_write_unlock
    }
}

#[cfg(CONFIG_PREEMPT_RT)]
pub(crate) use sleeping::*;
