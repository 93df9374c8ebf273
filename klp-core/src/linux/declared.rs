// SPDX-License-Identifier: GPL-2.0-only

//! Reading the declaration of a patch: its `struct klp_patch`, and the tables of objects, functions and states.

use super::{bindings, FuncRef, Kernel, ObjectRef, PatchRef};
use crate::errno::{Result, EINVAL};
use crate::memory::Vec;
use crate::model::{Declared, DeclaredFunc, DeclaredObject};
use crate::name::Name;
use core::ffi::CStr;
use core::ptr::NonNull;

/// The objects of a patch: the table ends with an empty entry.
fn objects(patch: PatchRef) -> impl Iterator<Item = *mut bindings::klp_object> {
    // SAFETY: the patch is a declaration in its module's memory.
    let first = unsafe { (*patch.0.as_ptr()).objs };
    let mut next = first;
    core::iter::from_fn(move || {
        // SAFETY: `next` is not behind the empty entry that ends the table.
        let is_end = next.is_null() || unsafe { (*next).funcs.is_null() && (*next).name.is_null() };
        if is_end {
            return None;
        }
        let object = next;
        // SAFETY: this entry does not end the table, so there is another.
        next = unsafe { next.add(1) };
        Some(object)
    })
}

/// The functions of an object: the table ends with an empty entry.
fn funcs(object: *mut bindings::klp_object) -> impl Iterator<Item = *mut bindings::klp_func> {
    // SAFETY: as in `objects`.
    let mut next = unsafe { (*object).funcs };
    core::iter::from_fn(move || {
        // SAFETY: as in `objects`.
        let is_end = next.is_null()
            || unsafe {
                (*next).old_name.is_null() && (*next).new_func.is_null() && (*next).old_sympos == 0
            };
        if is_end {
            return None;
        }
        let func = next;
        // SAFETY: as in `objects`.
        next = unsafe { next.add(1) };
        Some(func)
    })
}

/// The system states that a patch declares: the table ends with a zero ID.
pub(super) fn states(patch: PatchRef) -> impl Iterator<Item = *mut bindings::klp_state> {
    // SAFETY: the patch is a declaration in its module's memory.
    let mut next = unsafe { (*patch.0.as_ptr()).states };
    core::iter::from_fn(move || {
        // SAFETY: as in `objects`.
        if next.is_null() || unsafe { (*next).id == 0 } {
            return None;
        }
        let state = next;
        // SAFETY: as in `objects`.
        next = unsafe { next.add(1) };
        Some(state)
    })
}

/// Copies a C string; `None` for a null pointer.
///
/// # Safety
///
/// `text` is null or a valid C string.
unsafe fn name(text: *const ::kernel::ffi::c_char) -> Result<Option<Name>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    Name::new(unsafe { CStr::from_ptr(text.cast()) }).map(Some)
}

/// The name of a patch's module.
pub(super) fn module_name(module: *const ::kernel::bindings::module) -> Result<Name> {
    // SAFETY: the module is loaded, so its name is valid.
    Name::new(unsafe { CStr::from_ptr(bindings::klp_module_name(module).cast()) })
}

/// Is the declaration complete, as the C core checks it first? Since 7.3 it checks for functions without a name
/// here, too; before, it refused them later with the same error.
pub(super) fn is_whole(patch: PatchRef) -> bool {
    // SAFETY: the patch is valid: the caller of `klp_enable_patch()` or `klp_register_patch()` owns it.
    let is_there =
        unsafe { !(*patch.0.as_ptr()).mod_.is_null() && !(*patch.0.as_ptr()).objs.is_null() };
    let is_named = |func: *mut bindings::klp_func| {
        // SAFETY: `funcs` yields entries of the table.
        unsafe { !(*func).old_name.is_null() }
    };
    // An object without a table has no functions, so `has_table` is checked first.
    is_there
        && objects(patch).all(|object| {
            // SAFETY: `objects` yields entries of the table.
            let has_table = unsafe { !(*object).funcs.is_null() };
            has_table && funcs(object).all(is_named)
        })
}

/// Reads the declaration.
///
/// # Errors
///
/// `ENOMEM`; `EINVAL` when it is incomplete.
pub(super) fn read(patch: PatchRef) -> Result<Declared<Kernel>> {
    let mut declared = Vec::new();
    for object in objects(patch) {
        let mut functions = Vec::new();
        for func in funcs(object) {
            functions.push(DeclaredFunc {
                handle: FuncRef(NonNull::new(func).ok_or(EINVAL)?),
                // SAFETY: the tables' strings last as long as the module.
                name: unsafe { name((*func).old_name) }?,
                // SAFETY: `funcs` yields entries of the table.
                sympos: unsafe { (*func).old_sympos },
                // `KLP_FUNC_IMMEDIATE` sets this field of a declaration.
                // SAFETY: as above.
                immediate: unsafe { (*func).transition },
                // SAFETY: as above.
                new_func: unsafe { (*func).new_func }.addr(),
            })?;
        }
        declared.push(DeclaredObject {
            handle: ObjectRef(NonNull::new(object).ok_or(EINVAL)?),
            // SAFETY: the tables' strings last as long as the module.
            name: unsafe { name((*object).name) }?,
            funcs: functions,
        })?;
    }
    Ok(Declared {
        handle: patch,
        name: module_name(patch.module().0.as_ptr())?,
        // SAFETY: the patch is a declaration in its module's memory.
        replace: unsafe { (*patch.0.as_ptr()).replace },
        // `KLP_PATCH_IMMEDIATE` sets this field of a declaration.
        // SAFETY: as above.
        immediate: unsafe { (*patch.0.as_ptr()).enabled },
        objects: declared,
    })
}
