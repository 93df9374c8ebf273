// SPDX-License-Identifier: GPL-2.0-only

//! The tree under `/sys/kernel/livepatch`, the list of patches, and the fields of a patch's
//! structures that C code reads. The attributes are in `kernel/klp_sysfs.c`.

use super::{bindings, declared, FuncRef, Kernel, ModuleRef, ObjectRef, PatchRef};
use crate::errno::{check, Result, ENOMEM};
use crate::name::Name;
use crate::platform::Sysfs;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};

/// A `bool` of a C structure that C reads at any time.
///
/// # Safety
///
/// `flag` points to one that stays.
unsafe fn set_flag(flag: *mut bool, value: bool) {
    // SAFETY: the caller's promise.
    unsafe { AtomicBool::from_ptr(flag) }.store(value, Ordering::Relaxed);
}

/// Room for one of C's structures, all zero.
fn zeroed<T>() -> Result<NonNull<T>> {
    // SAFETY: it may sleep here.
    let memory = unsafe { bindings::klp_zalloc(size_of::<T>(), ::kernel::bindings::GFP_KERNEL) };
    NonNull::new(memory.cast()).ok_or(ENOMEM)
}

impl Sysfs for Kernel {
    fn init_patch(&self, patch: PatchRef) {
        // SAFETY: the patch is being enabled, so nobody else knows it yet.
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

    fn new_object(&self, _name: Option<&Name>) -> Result<ObjectRef> {
        let object = zeroed::<bindings::klp_object>()?;
        // SAFETY: it is ours; zero is a value for all its fields.
        unsafe {
            (*object.as_ptr()).dynamic = true;
            bindings::klp_show_init_object(object.as_ptr());
        }
        Ok(ObjectRef(object))
    }

    fn new_func(&self) -> Result<FuncRef> {
        let func = zeroed::<bindings::klp_func>()?;
        // SAFETY: as above.
        unsafe {
            (*func.as_ptr()).nop = true;
            bindings::klp_show_init_func(func.as_ptr());
        }
        Ok(FuncRef(func))
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
        // SAFETY: the patch is there.
        unsafe { set_flag(&raw mut (*patch.0.as_ptr()).enabled, enabled) };
    }

    fn set_forced(&self, patch: PatchRef) {
        // SAFETY: the patch is there.
        unsafe { set_flag(&raw mut (*patch.0.as_ptr()).forced, true) };
    }

    fn set_patched(&self, object: ObjectRef, patched: bool) {
        // SAFETY: the object is there.
        unsafe { set_flag(&raw mut (*object.0.as_ptr()).patched, patched) };
    }

    fn set_module(&self, object: ObjectRef, module: Option<ModuleRef>) {
        let module = module.map_or(ptr::null_mut(), |module| module.0.as_ptr());
        // SAFETY: the object is there; callbacks read this, and are called under the core's mutex.
        unsafe { (*object.0.as_ptr()).mod_ = module };
    }

    fn states(&self, patch: PatchRef, each: &mut dyn FnMut(usize, u32)) {
        for state in declared::states(patch) {
            // SAFETY: it is a state that the patch declares.
            unsafe { each((*state).id, (*state).version) };
        }
    }

    fn patch_list_add(&self, patch: PatchRef) {
        // SAFETY: the patch is not on the list, and stays until it is taken off.
        unsafe { bindings::klp_patch_list_add(patch.0.as_ptr()) };
    }

    fn patch_list_remove(&self, patch: PatchRef) {
        // SAFETY: the patch is on the list, or its place for the list was initialized.
        unsafe { bindings::klp_patch_list_remove(patch.0.as_ptr()) };
    }

    fn patch_list_set_transition(&self, patch: Option<PatchRef>) {
        let patch = patch.map_or(ptr::null_mut(), |patch| patch.0.as_ptr());
        // SAFETY: the patch is on the list for as long as it is in transition.
        unsafe { bindings::klp_patch_list_set_transition(patch) };
    }
}
