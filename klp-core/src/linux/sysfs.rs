// SPDX-License-Identifier: GPL-2.0-only

//! The tree under `/sys/kernel/livepatch`, the list of patches, and the fields of patches
//! that C code reads. The attributes are in `kernel/klp_sysfs.c`.

use super::{bindings, declared, FuncRef, Kernel, ModuleRef, ObjectRef, PatchRef};
use crate::errno::{check, Result, ENOMEM};
use crate::name::Name;
use crate::platform::Sysfs;
use crate::types::TextRange;
use ::kernel::sync::atomic::{Atomic, Relaxed};
use core::ptr::{self, NonNull};

/// Sets a `bool` that C code may read at any time.
///
/// # Safety
///
/// `flag` is valid, and all other accesses are atomic.
unsafe fn set_flag(flag: *mut bool, value: bool) {
    // SAFETY: the caller's promise.
    unsafe { Atomic::from_ptr(flag) }.store(value, Relaxed);
}

impl Sysfs for Kernel {
    fn init_patch(&self, patch: PatchRef) {
        // SAFETY: the patch is being enabled, so there is no other reference yet.
        unsafe { bindings::klp_show_init_patch(patch.0.as_ptr()) };
    }

    fn add_patch(&self, patch: PatchRef) -> Result {
        // SAFETY: it is initialized.
        check(unsafe { bindings::klp_show_patch(patch.0.as_ptr()) }).map(drop)
    }

    fn add_object(&self, patch: PatchRef, object: ObjectRef, name: Option<&Name>) -> Result {
        let name = name.map_or(c"vmlinux", Name::as_c_str);
        // SAFETY: both are initialized; the name is copied.
        check(unsafe {
            bindings::klp_show_object(patch.0.as_ptr(), object.0.as_ptr(), name.as_ptr().cast())
        })
        .map(drop)
    }

    fn add_func(&self, object: ObjectRef, func: FuncRef, name: &Name, sympos: usize) -> Result {
        let name = name.as_c_str().as_ptr().cast();
        // SAFETY: as above.
        check(unsafe { bindings::klp_show_func(object.0.as_ptr(), func.0.as_ptr(), name, sympos) })
            .map(drop)
    }

    fn new_object(&self, patch: PatchRef, name: Option<&Name>) -> Result<ObjectRef> {
        let name = name.map_or(ptr::null(), |name| name.as_c_str().as_ptr());
        // SAFETY: the patch is initialized; the name is copied.
        let object = unsafe { bindings::klp_new_object(patch.0.as_ptr(), name.cast()) };
        NonNull::new(object).map(ObjectRef).ok_or(ENOMEM)
    }

    fn new_nop(&self, object: ObjectRef, name: &Name, sympos: usize) -> Result<FuncRef> {
        let name = name.as_c_str().as_ptr().cast();
        // SAFETY: the object is initialized; the name is copied.
        let func = unsafe { bindings::klp_new_nop(object.0.as_ptr(), name, sympos) };
        NonNull::new(func).map(FuncRef).ok_or(ENOMEM)
    }

    fn remove_object(&self, object: ObjectRef) {
        // SAFETY: it is initialized, and not used after this.
        unsafe { bindings::klp_hide_object(object.0.as_ptr()) };
    }

    fn remove_func(&self, func: FuncRef) {
        // SAFETY: as above.
        unsafe { bindings::klp_hide_func(func.0.as_ptr()) };
    }

    fn set_enabled(&self, patch: PatchRef, enabled: bool) {
        // SAFETY: the patch is valid.
        unsafe { set_flag(&raw mut (*patch.0.as_ptr()).enabled, enabled) };
    }

    fn set_forced(&self, patch: PatchRef) {
        // SAFETY: the patch is valid.
        unsafe { set_flag(&raw mut (*patch.0.as_ptr()).forced, true) };
    }

    fn set_patched(&self, object: ObjectRef, patched: bool) {
        // SAFETY: the object is valid.
        unsafe { set_flag(&raw mut (*object.0.as_ptr()).patched, patched) };
    }

    fn set_module(&self, object: ObjectRef, module: Option<ModuleRef>) {
        let module = module.map_or(ptr::null_mut(), |module| module.0.as_ptr());
        // SAFETY: the object is valid; callbacks read this, and are called under the core's mutex.
        unsafe { (*object.0.as_ptr()).mod_ = module };
    }

    fn set_func_text(&self, func: FuncRef, old: TextRange, new: TextRange) {
        let func = func.0.as_ptr();
        // SAFETY: the function is valid; callbacks read this, and are called under the core's mutex.
        unsafe {
            (*func).old_func = ptr::with_exposed_provenance_mut(old.start);
            (*func).old_size = old.size;
            if (*func).nop {
                (*func).new_func = ptr::with_exposed_provenance_mut(new.start);
            }
            (*func).new_size = new.size;
        }
    }

    fn set_func_patched(&self, func: FuncRef, patched: bool) {
        // SAFETY: the function is valid.
        unsafe { set_flag(&raw mut (*func.0.as_ptr()).patched, patched) };
    }

    fn set_func_transition(&self, func: FuncRef, in_transition: bool) {
        // SAFETY: the function is valid.
        unsafe { set_flag(&raw mut (*func.0.as_ptr()).transition, in_transition) };
    }

    fn states<F: FnMut(usize, u32)>(&self, patch: PatchRef, mut each: F) {
        for state in declared::states(patch) {
            // SAFETY: `states` yields states of the patch's table.
            unsafe { each((*state).id, (*state).version) };
        }
    }

    fn patch_list_add(&self, patch: PatchRef) {
        // SAFETY: the patch is not on the list, and is not freed before it is removed from it.
        unsafe { bindings::klp_patch_list_add(patch.0.as_ptr()) };
    }

    fn patch_list_remove(&self, patch: PatchRef) {
        // SAFETY: the patch is on the list, or its list head is initialised.
        unsafe { bindings::klp_patch_list_remove(patch.0.as_ptr()) };
    }

    fn patch_list_set_transition(&self, patch: Option<PatchRef>) {
        let patch = patch.map_or(ptr::null_mut(), |patch| patch.0.as_ptr());
        // SAFETY: the patch is on the list for as long as it is in transition.
        unsafe { bindings::klp_patch_list_set_transition(patch) };
    }
}
