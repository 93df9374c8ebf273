// SPDX-License-Identifier: GPL-2.0-only

//! A stand-in for the kernel's table of shadow variables, for tests: the same functions on a vector.

use super::bindings::gfp_t;
use core::ffi::{c_int, c_void};
use core::ptr;
use std::boxed::Box;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec::Vec;

/// Memory for the data, with the kernel's alignment. It is a raw pointer, because klp keeps pointers into it.
struct Memory(*mut [usize]);

// SAFETY: the memory may be used on any thread.
unsafe impl Send for Memory {}

impl Memory {
    fn new(size: usize) -> Self {
        let words = size.div_ceil(size_of::<usize>());
        Self(Box::into_raw(std::vec![0; words].into_boxed_slice()))
    }

    fn data(&self) -> *mut c_void {
        self.0.cast()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the pointer was made from a box, and is not used again.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

struct Variable {
    parent: usize,
    id: usize,
    memory: Memory,
}

static TABLE: Mutex<Vec<Variable>> = Mutex::new(Vec::new());

fn table() -> MutexGuard<'static, Vec<Variable>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

type Constructor = unsafe extern "C" fn(*mut c_void, *mut c_void, *mut c_void) -> c_int;
type Destructor = unsafe extern "C" fn(*mut c_void, *mut c_void);

fn find(table: &[Variable], parent: *mut c_void, id: usize) -> *mut c_void {
    let mut all = table.iter();
    match all.find(|variable| variable.parent == parent.addr() && variable.id == id) {
        Some(variable) => variable.memory.data(),
        None => ptr::null_mut(),
    }
}

/// Returns the data, or `NULL`.
///
/// # Safety
///
/// No requirements; the kernel's function is unsafe to call.
pub unsafe fn klp_shadow_get(parent: *mut c_void, id: usize) -> *mut c_void {
    find(&table(), parent, id)
}

/// Returns the data, and attaches it first if there is none.
///
/// # Safety
///
/// The constructor accepts `passed`, and memory of that size.
pub unsafe fn klp_shadow_get_or_alloc(
    parent: *mut c_void,
    id: usize,
    size: usize,
    _flags: gfp_t,
    constructor: Option<Constructor>,
    passed: *mut c_void,
) -> *mut c_void {
    let mut table = table();
    let found = find(&table, parent, id);
    if !found.is_null() {
        return found;
    }
    let memory = Memory::new(size);
    let data = memory.data();
    // SAFETY: guaranteed by the caller.
    let failed =
        constructor.is_some_and(|construct| unsafe { construct(parent, data, passed) } != 0);
    if failed {
        return ptr::null_mut();
    }
    table.push(Variable {
        parent: parent.addr(),
        id,
        memory,
    });
    data
}

/// Detaches and frees the data of one parent.
///
/// # Safety
///
/// The destructor accepts this data, which nobody uses any more.
pub unsafe fn klp_shadow_free(parent: *mut c_void, id: usize, destructor: Option<Destructor>) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        remove(destructor, |one| {
            one.parent == parent.addr() && one.id == id
        })
    };
}

/// Detaches and frees the data of all parents.
///
/// # Safety
///
/// As for [`klp_shadow_free`], for all data of the id.
pub unsafe fn klp_shadow_free_all(id: usize, destructor: Option<Destructor>) {
    // SAFETY: guaranteed by the caller.
    unsafe { remove(destructor, |one| one.id == id) };
}

/// Removes the variables that `matches` selects from the table.
///
/// # Safety
///
/// The destructor accepts their data, which nobody uses any more.
unsafe fn remove(destructor: Option<Destructor>, matches: impl Fn(&Variable) -> bool) {
    table().retain(|variable| {
        let is_removed = matches(variable);
        if let Some(destroy) = destructor.filter(|_| is_removed) {
            let parent = ptr::without_provenance_mut(variable.parent);
            // SAFETY: guaranteed by the caller.
            unsafe { destroy(parent, variable.memory.data()) };
        }
        !is_removed
    });
}
