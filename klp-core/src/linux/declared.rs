// SPDX-License-Identifier: GPL-2.0-only

//! Reading the tables of a patch module: `struct klp_patch` and its objects and functions.

use super::{bindings, FuncRef, Kernel, ObjectRef, PatchRef};
use crate::errno::{Result, EINVAL};
use crate::memory::Vec;
use crate::model::{Declared, DeclaredFunc, DeclaredObject};
use crate::name::Name;
use core::ffi::CStr;
use core::ptr::NonNull;

/// The tables of objects and functions end with an empty entry.
fn objects(patch: PatchRef) -> impl Iterator<Item = *mut bindings::klp_object> {
    // SAFETY: the patch is a declaration, and so has such a table, which ends.
    let first = unsafe { (*patch.0.as_ptr()).objs };
    let mut next = first;
    core::iter::from_fn(move || {
        // SAFETY: not behind the end, which is looked for here.
        let is_end = next.is_null() || unsafe { (*next).funcs.is_null() && (*next).name.is_null() };
        if is_end {
            return None;
        }
        let object = next;
        // SAFETY: this one is not the end, so there is another.
        next = unsafe { next.add(1) };
        Some(object)
    })
}

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

/// The states that a patch declares: the table ends with one whose id is zero.
pub(super) fn states(patch: PatchRef) -> impl Iterator<Item = *mut bindings::klp_state> {
    // SAFETY: the patch is a declaration.
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

/// A C string, if there is one.
///
/// # Safety
///
/// It is null or a string that lasts as long as it is used.
unsafe fn name(text: *const ::kernel::ffi::c_char) -> Result<Option<Name>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    Name::new(unsafe { CStr::from_ptr(text.cast()) }).map(Some)
}

/// The name of a patch's module.
pub(super) fn module_name(module: *const ::kernel::bindings::module) -> Result<Name> {
    // SAFETY: the module is there, and has a name.
    Name::new(unsafe { CStr::from_ptr(bindings::klp_module_name(module).cast()) })
}

/// Is the patch, as far as can be seen at once, a declaration? Since 7.3 the C core looks for functions without a name
/// here, too; before, it refused them later with the same error.
pub(super) fn is_whole(patch: PatchRef) -> bool {
    // SAFETY: the caller of `klp_enable_patch()` owns it.
    let is_there =
        unsafe { !(*patch.0.as_ptr()).mod_.is_null() && !(*patch.0.as_ptr()).objs.is_null() };
    let is_named = |func: *mut bindings::klp_func| {
        // SAFETY: `funcs` gives functions.
        unsafe { !(*func).old_name.is_null() }
    };
    // What has no table has no functions either, so that is looked for first.
    is_there
        && objects(patch).all(|object| {
            // SAFETY: `objects` gives objects.
            let has_table = unsafe { !(*object).funcs.is_null() };
            has_table && funcs(object).all(is_named)
        })
}

/// Reads the whole declaration.
///
/// # Errors
///
/// `ENOMEM`; `EINVAL` when it is not whole.
pub(super) fn read(patch: PatchRef) -> Result<Declared<Kernel>> {
    let mut declared = Vec::new();
    for object in objects(patch) {
        let mut functions = Vec::new();
        for func in funcs(object) {
            functions.push(DeclaredFunc {
                handle: FuncRef(NonNull::new(func).ok_or(EINVAL)?),
                // SAFETY: the tables' strings last as long as the module.
                name: unsafe { name((*func).old_name) }?,
                // SAFETY: `funcs` gives functions.
                sympos: unsafe { (*func).old_sympos },
                // SAFETY: as above. No other field of a declaration has this meaning.
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
        // SAFETY: the patch is a declaration.
        replace: unsafe { (*patch.0.as_ptr()).replace },
        // SAFETY: as above. No other field of a declaration has this meaning.
        immediate: unsafe { (*patch.0.as_ptr()).enabled },
        objects: declared,
    })
}
