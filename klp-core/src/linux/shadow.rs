// SPDX-License-Identifier: GPL-2.0-only

//! Shadow variables: data that patches attach to objects of the kernel, found by the object's
//! address and a number.
//!
//! They are in a table of chains. Chains are read under RCU, and changed under a lock; what is taken out is
//! freed after a grace period.

use super::bindings;
use crate::sync::AtomicPtr;
use ::kernel::bindings::{callback_head, gfp_t};
use ::kernel::ffi::{c_ulong, c_void};
use core::mem::offset_of;
use core::ptr;

same_in_c! {
    klp_shadow_alloc klp_shadow_free klp_shadow_free_all klp_shadow_get klp_shadow_get_or_alloc
}

/// A shadow variable; its data follow.
#[repr(C, align(16))]
struct Shadow {
    /// The next in its chain.
    next: AtomicPtr<Shadow>,
    rcu: callback_head,
    object: *mut c_void,
    id: c_ulong,
}

/// Bits of a hash that choose a chain.
const BITS: u32 = 12;

struct Table {
    chains: [AtomicPtr<Shadow>; 1 << BITS],
}

static TABLE: Table = Table {
    chains: [const { AtomicPtr::null() }; 1 << BITS],
};

impl Table {
    /// The chain of an object's shadow variables.
    fn chain(&self, object: *mut c_void) -> &AtomicPtr<Shadow> {
        // As in `redirect::Table`: spreads addresses that differ little.
        const GOLDEN: usize = 0x9e37_79b9_7f4a_7c15;
        let index = object.addr().wrapping_mul(GOLDEN) >> (usize::BITS - BITS);
        // The hash has no more bits than there are chains.
        self.chains.get(index).unwrap_or(&self.chains[0])
    }

    /// The link to the shadow variable, and the variable.
    ///
    /// # Safety
    ///
    /// RCU is watching, or the lock is held, for as long as the result is used.
    unsafe fn find(
        &self,
        object: *mut c_void,
        id: c_ulong,
    ) -> Option<(&AtomicPtr<Shadow>, *mut Shadow)> {
        let mut place = self.chain(object);
        loop {
            // Pairs with the release store that attached it.
            let shadow = place.load_acquire();
            if shadow.is_null() {
                return None;
            }
            // SAFETY: what is in a chain, or was when RCU began to watch, is there.
            let found = unsafe { &*shadow };
            if found.object == object && found.id == id {
                return Some((place, shadow));
            }
            place = &found.next;
        }
    }
}

/// The data of a shadow variable.
fn data(shadow: *mut Shadow) -> *mut c_void {
    shadow.wrapping_add(1).cast()
}

/// The lock, for as long as this lives.
struct Lock {
    flags: c_ulong,
}

impl Lock {
    fn take() -> Self {
        // SAFETY: it is unlocked when this is dropped, and nothing sleeps until then.
        Self {
            flags: unsafe { bindings::klp_shadow_lock_irqsave() },
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: it was taken with this.
        unsafe { bindings::klp_shadow_unlock_irqrestore(self.flags) };
    }
}

/// Takes a shadow variable out of its chain and frees it.
///
/// # Safety
///
/// The lock is held; `place` points to `shadow`; the destructor is of that prototype.
unsafe fn detach(
    place: &AtomicPtr<Shadow>,
    shadow: *mut Shadow,
    destructor: bindings::klp_shadow_dtor_t,
) {
    // SAFETY: it is in the chain, so it is there. Readers that are at it find the rest behind it.
    unsafe {
        place.store_release((*shadow).next.load());
        if let Some(destructor) = destructor {
            destructor((*shadow).object, data(shadow));
        }
        bindings::klp_free_after_rcu(
            shadow.byte_add(offset_of!(Shadow, rcu)).cast(),
            shadow.cast(),
        );
    }
}

/// Finds a shadow variable's data; null without one.
///
/// # Safety
///
/// As documented in `include/linux/livepatch.h`.
#[no_mangle]
unsafe extern "C" fn klp_shadow_get(object: *mut c_void, id: c_ulong) -> *mut c_void {
    // SAFETY: unlocked below.
    unsafe { bindings::klp_rcu_read_lock() };
    // SAFETY: RCU is watching.
    let found = unsafe { TABLE.find(object, id) };
    let found = found.map_or(ptr::null_mut(), |(_, shadow)| data(shadow));
    // SAFETY: taken above.
    unsafe { bindings::klp_rcu_read_unlock() };
    found
}

/// A wanted variable, and how it is made.
struct Wanted {
    object: *mut c_void,
    id: c_ulong,
    size: usize,
    flags: gfp_t,
    constructor: bindings::klp_shadow_ctor_t,
    constructor_data: *mut c_void,
}

/// Either the data of one that was there, or of a new one; null when that could not be made.
enum Got {
    Old(*mut c_void),
    New(*mut c_void),
}

/// # Safety
///
/// The constructor is of that prototype, and may be called with the lock held.
unsafe fn get_or_alloc(wanted: &Wanted) -> Got {
    // SAFETY: as for the caller of this.
    let old = unsafe { klp_shadow_get(wanted.object, wanted.id) };
    if !old.is_null() {
        return Got::Old(old);
    }
    let Some(size) = wanted.size.checked_add(size_of::<Shadow>()) else {
        return Got::New(ptr::null_mut());
    };
    // Outside of the lock, for it may sleep.
    // SAFETY: the caller of the interface says whether it may.
    let shadow: *mut Shadow = unsafe { bindings::klp_zalloc(size, wanted.flags) }.cast();
    if shadow.is_null() {
        return Got::New(ptr::null_mut());
    }
    let lock = Lock::take();
    // SAFETY: the lock is held.
    if let Some((_, old)) = unsafe { TABLE.find(wanted.object, wanted.id) } {
        drop(lock);
        // SAFETY: there is no other reference to it yet.
        unsafe { bindings::klp_free(shadow.cast()) };
        return Got::Old(data(old));
    }
    // SAFETY: it is ours, zeroed, and zero is a value for all its fields.
    unsafe {
        (*shadow).object = wanted.object;
        (*shadow).id = wanted.id;
    }
    if let Some(constructor) = wanted.constructor {
        // SAFETY: the caller's promise.
        let err = unsafe { constructor(wanted.object, data(shadow), wanted.constructor_data) };
        if err != 0 {
            drop(lock);
            // SAFETY: there is no other reference to it yet.
            unsafe {
                bindings::klp_free(shadow.cast());
                bindings::klp_error_shadow_constructor(wanted.object, wanted.id, err);
            }
            return Got::New(ptr::null_mut());
        }
    }
    let chain = TABLE.chain(wanted.object);
    // SAFETY: it is ours until it is in the chain.
    unsafe {
        (*shadow).next.store(chain.load());
    }
    // Readers see it whole.
    chain.store_release(shadow);
    drop(lock);
    Got::New(data(shadow))
}

/// Makes a shadow variable; null, and a warning, when there is one.
///
/// # Safety
///
/// As documented in `include/linux/livepatch.h`.
#[no_mangle]
unsafe extern "C" fn klp_shadow_alloc(
    object: *mut c_void,
    id: c_ulong,
    size: usize,
    flags: gfp_t,
    constructor: bindings::klp_shadow_ctor_t,
    constructor_data: *mut c_void,
) -> *mut c_void {
    let wanted = Wanted {
        object,
        id,
        size,
        flags,
        constructor,
        constructor_data,
    };
    // SAFETY: the caller's promise.
    match unsafe { get_or_alloc(&wanted) } {
        Got::New(data) => data,
        Got::Old(_) => {
            // SAFETY: it prints.
            unsafe { bindings::klp_warn_duplicate_shadow(object, id) };
            ptr::null_mut()
        }
    }
}

/// Finds a shadow variable, or makes it.
///
/// # Safety
///
/// As documented in `include/linux/livepatch.h`.
#[no_mangle]
unsafe extern "C" fn klp_shadow_get_or_alloc(
    object: *mut c_void,
    id: c_ulong,
    size: usize,
    flags: gfp_t,
    constructor: bindings::klp_shadow_ctor_t,
    constructor_data: *mut c_void,
) -> *mut c_void {
    let wanted = Wanted {
        object,
        id,
        size,
        flags,
        constructor,
        constructor_data,
    };
    // SAFETY: the caller's promise.
    match unsafe { get_or_alloc(&wanted) } {
        Got::New(data) | Got::Old(data) => data,
    }
}

/// Frees a shadow variable, if it is there.
///
/// # Safety
///
/// As documented in `include/linux/livepatch.h`.
#[no_mangle]
unsafe extern "C" fn klp_shadow_free(
    object: *mut c_void,
    id: c_ulong,
    destructor: bindings::klp_shadow_dtor_t,
) {
    let _lock = Lock::take();
    // SAFETY: the lock is held; the destructor is the caller's.
    unsafe {
        if let Some((place, shadow)) = TABLE.find(object, id) {
            detach(place, shadow, destructor);
        }
    }
}

/// Frees all shadow variables of a number.
///
/// # Safety
///
/// As documented in `include/linux/livepatch.h`.
#[no_mangle]
unsafe extern "C" fn klp_shadow_free_all(id: c_ulong, destructor: bindings::klp_shadow_dtor_t) {
    let _lock = Lock::take();
    for chain in &TABLE.chains {
        let mut place = chain;
        loop {
            let shadow = place.load();
            if shadow.is_null() {
                break;
            }
            // SAFETY: the lock is held, so what is in the chain is there; it stays readable after
            // it was taken out, until RCU frees it.
            unsafe {
                if (*shadow).id == id {
                    detach(place, shadow, destructor);
                } else {
                    place = &(*shadow).next;
                }
            }
        }
    }
}
