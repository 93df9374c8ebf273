// SPDX-License-Identifier: GPL-2.0-only

//! Exported functions that only the built-in core has: they do not change its state. A core that is a module leaves
//! them to the C core, because both share what they read.

use super::relocations::File;
use super::state::{KERNEL, PUBLISHED};
use super::{bindings, declared, PatchRef, TaskRef};
use crate::errno::Errno;
use crate::platform::Log as _;
use ::kernel::bindings::{elf64_shdr, module, task_struct};
use ::kernel::ffi::{c_char, c_int, c_uint, c_ulong, c_void};
use core::ffi::CStr;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

same_in_c! {
    klp_apply_section_relocs klp_copy_process klp_core_update klp_find_section_by_name klp_get_prev_state klp_get_state
}

/// Switches a pending task, on the exit to user space or in the idle loop.
///
/// # Safety
///
/// Preemption is off, and `task` is the current one or does not run.
#[no_mangle]
unsafe extern "C" fn klp_core_update(task: *mut task_struct) {
    // SAFETY: the caller's promise.
    PUBLISHED.update(&KERNEL, &unsafe { TaskRef::new(task) });
}

/// Copies the patch state of the current task to its child, in fork.
///
/// # Safety
///
/// The task list is locked for writing.
#[no_mangle]
unsafe extern "C" fn klp_copy_process(child: *mut task_struct) {
    // SAFETY: neither task is freed in fork.
    unsafe {
        let parent = TaskRef::new(bindings::klp_current());
        PUBLISHED.inherit(&KERNEL, &parent, &TaskRef::new(child));
    }
}

/// Writes the relocations in one section of a livepatch module, if they are for `object`.
///
/// # Safety
///
/// The pointers are those of a module that is being loaded.
#[no_mangle]
unsafe extern "C" fn klp_apply_section_relocs(
    module: *mut module,
    sections: *mut elf64_shdr,
    section_names: *const c_char,
    symbol_names: *const c_char,
    symbols: c_uint,
    section: c_uint,
    object: *const c_char,
) -> c_int {
    let file = File {
        module,
        sections,
        section_names,
        symbol_names,
        symbols,
    };
    let object = if object.is_null() {
        c"vmlinux"
    } else {
        // SAFETY: the caller promises that it is a string.
        unsafe { CStr::from_ptr(object.cast()) }
    };
    // SAFETY: the caller's promise.
    unsafe { file.write(&KERNEL, section, object, true) }.map_or_else(Errno::to_c, |()| 0)
}

/// Finds a section of a livepatch module by its name.
///
/// # Safety
///
/// `module` is a livepatch module, `name` a string, and `size` writable.
#[no_mangle]
unsafe extern "C" fn klp_find_section_by_name(
    module: *const module,
    name: *const c_char,
    size: *mut usize,
) -> *mut c_void {
    // SAFETY: the caller's promise; a livepatch module keeps its section headers and names.
    unsafe {
        *size = 0;
        let mut file = MaybeUninit::<bindings::klp_file>::uninit();
        if !bindings::klp_module_file(module, file.as_mut_ptr()) {
            return ptr::null_mut();
        }
        let file = file.assume_init();
        let name = CStr::from_ptr(name.cast());
        for index in 1..file.count as usize {
            let header = file.sections.add(index);
            let found = file.section_names.add((*header).sh_name as usize);
            if CStr::from_ptr(found.cast()) == name {
                *size = (*header).sh_size as usize;
                return (*header).sh_addr as *mut c_void;
            }
        }
    }
    ptr::null_mut()
}

/// Finds the system state with that ID that a patch declares; null without one.
///
/// # Safety
///
/// `patch` is null or a patch.
#[no_mangle]
unsafe extern "C" fn klp_get_state(
    patch: *mut bindings::klp_patch,
    id: c_ulong,
) -> *mut bindings::klp_state {
    NonNull::new(patch).map_or(ptr::null_mut(), |patch| state_of(PatchRef(patch), id))
}

fn state_of(patch: PatchRef, id: c_ulong) -> *mut bindings::klp_state {
    declared::states(patch)
        // SAFETY: `states` yields states of the patch's table.
        .find(|state| unsafe { (**state).id == id })
        .unwrap_or(ptr::null_mut())
}

/// Finds the system state with that ID of the highest patch below the one in transition; null without one.
///
/// # Safety
///
/// Called from a callback of the patch in transition.
#[no_mangle]
unsafe extern "C" fn klp_get_prev_state(id: c_ulong) -> *mut bindings::klp_state {
    struct Search {
        id: c_ulong,
        found: *mut bindings::klp_state,
    }
    unsafe extern "C" fn each(patch: *mut bindings::klp_patch, data: *mut c_void) {
        // SAFETY: `data` is the search below, which nothing else uses until the iteration ends.
        let search = unsafe { &mut *data.cast::<Search>() };
        if let Some(patch) = NonNull::new(patch) {
            let state = state_of(PatchRef(patch), search.id);
            if !state.is_null() {
                search.found = state;
            }
        }
    }
    let mut search = Search {
        id,
        found: ptr::null_mut(),
    };
    let data = ptr::from_mut(&mut search).cast();
    // SAFETY: the search outlives the iteration.
    if unsafe { !bindings::klp_patch_list_each_below(Some(each), data) } {
        KERNEL.bug(c"the previous state is asked for while no transition runs");
    }
    search.found
}
