// SPDX-License-Identifier: GPL-2.0-only

//! Shadow variables: data that patches attach to kernel objects, looked up by the object's
//! address and an ID.
//!
//! They are in a hash table. Its chains are read under RCU, and changed under a lock; removed variables are
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

/// The header of a shadow variable; its data follow.
#[repr(C, align(16))]
struct Shadow {
    /// The next one in the chain.
    next: AtomicPtr<Shadow>,
    rcu: callback_head,
    object: *mut c_void,
    id: c_ulong,
}

/// The number of bits of a hash that select a chain.
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
        // Spreads addresses that differ little, as in `redirect::Table`.
        const GOLDEN: usize = 0x9e37_79b9_7f4a_7c15;
        let index = object.addr().wrapping_mul(GOLDEN) >> (usize::BITS - BITS);
        // The hash has no more bits than there are chains.
        self.chains.get(index).unwrap_or(&self.chains[0])
    }

    /// Finds a shadow variable, and the link to it.
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
            // Pairs with the release store that added it.
            let shadow = place.load_acquire();
            if shadow.is_null() {
                return None;
            }
            // SAFETY: a variable in a chain is not freed under the lock, or while RCU is watching.
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

/// A guard that holds the lock.
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
        // SAFETY: `take` locked it, and returned these flags.
        unsafe { bindings::klp_shadow_unlock_irqrestore(self.flags) };
    }
}

/// Removes a shadow variable from its chain and frees it.
///
/// # Safety
///
/// The lock is held; `place` points to `shadow`; the destructor has that prototype.
unsafe fn detach(
    place: &AtomicPtr<Shadow>,
    shadow: *mut Shadow,
    destructor: bindings::klp_shadow_dtor_t,
) {
    // SAFETY: `shadow` is in the chain, so it is not freed. Its `next` stays valid for its readers.
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

/// Returns the data of a shadow variable; null without one.
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

/// The parameters of a shadow variable to get or allocate.
struct Wanted {
    object: *mut c_void,
    id: c_ulong,
    size: usize,
    flags: gfp_t,
    constructor: bindings::klp_shadow_ctor_t,
    constructor_data: *mut c_void,
}

/// The data of an existing shadow variable, or of a new one; null if that could not be allocated.
enum Got {
    Old(*mut c_void),
    New(*mut c_void),
}

/// Gets or allocates a shadow variable.
///
/// # Safety
///
/// The constructor has that prototype, and may be called with the lock held.
unsafe fn get_or_alloc(wanted: &Wanted) -> Got {
    // SAFETY: as for the caller of this function.
    let old = unsafe { klp_shadow_get(wanted.object, wanted.id) };
    if !old.is_null() {
        return Got::Old(old);
    }
    let Some(size) = wanted.size.checked_add(size_of::<Shadow>()) else {
        return Got::New(ptr::null_mut());
    };
    // Outside of the lock, because it may sleep.
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
    // SAFETY: it has no other reference yet; it is zeroed, and zero is valid for all fields.
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
    // SAFETY: there is no other reference to it until it is in the chain.
    unsafe {
        (*shadow).next.store(chain.load());
    }
    // A release, so that readers see it complete.
    chain.store_release(shadow);
    drop(lock);
    Got::New(data(shadow))
}

/// Allocates a shadow variable. Warns and returns null if it exists.
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
            // SAFETY: it only logs the values.
            unsafe { bindings::klp_warn_duplicate_shadow(object, id) };
            ptr::null_mut()
        }
    }
}

/// Returns the data of a shadow variable, which is allocated if it does not exist.
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

/// Frees a shadow variable, if it exists.
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

/// Frees all shadow variables with an ID.
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
            // SAFETY: the lock is held, so variables in the chain are not freed.
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
