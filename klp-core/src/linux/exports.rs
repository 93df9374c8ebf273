// SPDX-License-Identifier: GPL-2.0-only

//! Exported functions, which the kernel, C modules, and the C files beside the core call. [`super::builtin`] has
//! those that only the built-in core exports.

use super::state::{locked, KERNEL, PUBLISHED};
use super::turn::Turn;
use super::{bindings, declared, ModuleRef, PatchRef, TaskRef};
use crate::direct_jump::RedirectVia;
use crate::enable::EnableError;
use crate::errno::{Errno, Result, EBUSY, EINVAL, ENODEV};
use crate::name::Name;
use crate::platform::{Log as _, Stack, Tasks as _};
use crate::snapshot::NoPreempt;
use crate::stack_check::StackCheck;
use crate::types::{PatchState, Site};
use ::kernel::bindings::{module, seq_file, task_struct};
use ::kernel::ffi::{c_int, c_ulong};
use core::ffi::CStr;
use core::ptr::NonNull;

fn to_c(result: Result) -> c_int {
    result.map_or_else(Errno::to_c, |()| 0)
}

same_in_c! {
    klp_core_blockers klp_core_force klp_core_promote klp_core_redirects klp_core_retry klp_core_set_enabled
    klp_core_target klp_core_update_sleeper klp_disable_patch klp_enable_patch klp_module_coming
    klp_module_going klp_register_patch klp_unregister_patch
}

/// Enables a patch from its module's init, or a registered one at any time.
///
/// # Safety
///
/// `patch` is null, or the caller's and valid until its module is unloaded.
#[no_mangle]
unsafe extern "C" fn klp_enable_patch(patch: *mut bindings::klp_patch) -> c_int {
    let turn = Turn::begin();
    if turn.is_c_core() {
        // SAFETY: the caller's promise.
        return unsafe { turn.enable_patch(patch) };
    }
    if !turn.is_ours() {
        return EBUSY.to_c();
    }
    let Some(patch) = NonNull::new(patch).map(PatchRef) else {
        return EINVAL.to_c();
    };
    to_c(enable(patch))
}

fn enable(patch: PatchRef) -> Result {
    if let Some(result) = locked(|core| core.enable_known(patch)) {
        return result;
    }
    check_declaration(patch)?;
    let declared = declared::read(patch)?;
    locked(|core| core.enable(declared))
        .map_err(|error| release_refused(patch, &error, bindings::klp_release_now))
}

/// Releases what is left of a patch that was not enabled or registered, with `release`. Returns the error.
fn release_refused(
    patch: PatchRef,
    error: &EnableError,
    release: unsafe extern "C" fn(*mut bindings::klp_patch),
) -> Errno {
    if error.needs_release {
        // SAFETY: the patch is no longer used, and the mutex is not held.
        unsafe { release(patch.0.as_ptr()) };
    }
    error.errno
}

/// Disables a patch.
///
/// # Safety
///
/// As for `klp_enable_patch()`.
#[no_mangle]
unsafe extern "C" fn klp_disable_patch(patch: *mut bindings::klp_patch) -> c_int {
    let _turn = Turn::begin();
    klp_core_set_enabled(patch, false)
}

/// Registers a patch, which can then be enabled and disabled any number of times, until it is unregistered.
///
/// # Safety
///
/// As for `klp_enable_patch()`; the patch is unregistered before its module is unloaded.
#[no_mangle]
unsafe extern "C" fn klp_register_patch(patch: *mut bindings::klp_patch) -> c_int {
    let turn = Turn::begin();
    if !turn.is_ours() {
        return EBUSY.to_c();
    }
    let Some(patch) = NonNull::new(patch).map(PatchRef) else {
        return EINVAL.to_c();
    };
    to_c(register(patch))
}

fn register(patch: PatchRef) -> Result {
    check_declaration(patch)?;
    let declared = declared::read(patch)?;
    locked(|core| core.register(declared))
        .map_err(|error| release_refused(patch, &error, bindings::klp_hide_patch))
}

/// Unregisters a patch, which must be disabled.
///
/// # Safety
///
/// As for `klp_enable_patch()`.
#[no_mangle]
unsafe extern "C" fn klp_unregister_patch(patch: *mut bindings::klp_patch) -> c_int {
    let _turn = Turn::begin();
    let Some(patch) = NonNull::new(patch).map(PatchRef) else {
        return EINVAL.to_c();
    };
    let result = locked(|core| core.unregister(patch));
    if result.is_ok() {
        // SAFETY: the patch is no longer used, and the mutex is not held.
        unsafe { bindings::klp_hide_patch(patch.0.as_ptr()) };
    }
    to_c(result)
}

/// Refuses an incomplete declaration, a module that is not a live patch, and patches before live patching is
/// initialised.
fn check_declaration(patch: PatchRef) -> Result {
    if !declared::is_whole(patch) {
        return Err(EINVAL);
    }
    let module = patch.module().0.as_ptr();
    // SAFETY: the module is loaded: its init is the caller.
    if unsafe { !bindings::klp_is_livepatch(module) } {
        KERNEL.error(format_args!(
            "module {} is not marked as a livepatch module",
            declared::module_name(module)?
        ));
        return Err(EINVAL);
    }
    // SAFETY: it only reads a pointer.
    if unsafe { !bindings::klp_is_shown() } {
        return Err(ENODEV);
    }
    if !KERNEL.has_reliable_stacks() {
        KERNEL.warn(format_args!(
            "This architecture doesn't have support for the livepatch consistency model."
        ));
        KERNEL.warn(format_args!("The livepatch transition may never complete."));
    }
    Ok(())
}

/// Writes to `enabled` in sysfs.
#[no_mangle]
extern "C" fn klp_core_set_enabled(patch: *mut bindings::klp_patch, enabled: bool) -> c_int {
    let Some(patch) = NonNull::new(patch).map(PatchRef) else {
        return EINVAL.to_c();
    };
    to_c(locked(|core| core.set_enabled(patch, enabled)))
}

/// Writes to `force` in sysfs.
#[no_mangle]
extern "C" fn klp_core_force(patch: *mut bindings::klp_patch) -> c_int {
    let Some(patch) = NonNull::new(patch).map(PatchRef) else {
        return EINVAL.to_c();
    };
    to_c(locked(|core| core.force(patch)))
}

/// Tries again to complete the transition.
#[no_mangle]
extern "C" fn klp_core_retry() {
    locked(|core| core.try_complete());
}

/// Makes patch sites jumps.
#[no_mangle]
extern "C" fn klp_core_promote() {
    locked(|core| core.promote_to_jumps());
}

/// Returns the target of a call at `site`; zero is the original function.
///
/// # Safety
///
/// Preemption is off, `site` is a patch site, and `state` is the current task's patch state.
#[no_mangle]
unsafe extern "C" fn klp_core_target(site: c_ulong, state: *const c_int) -> c_ulong {
    // SAFETY: the caller promises that preemption is off.
    let guard = unsafe { NoPreempt::new() };
    // SAFETY: the caller promises a patch site, and none is at zero.
    let site = unsafe { Site::new(site).unwrap_unchecked() };
    let target = PUBLISHED.redirect(&KERNEL, site, &guard, || {
        // SAFETY: the caller's promise. Concurrent writes are atomic.
        PatchState::from_c(unsafe { state.read_volatile() })
    });
    target.to_c()
}

/// Tries to switch the current task, which is about to sleep.
///
/// # Safety
///
/// Preemption is off, and `task` is the current one.
#[no_mangle]
unsafe extern "C" fn klp_core_update_sleeper(task: *mut task_struct) {
    // SAFETY: the caller's promise.
    let (guard, task) = unsafe { (NoPreempt::new(), TaskRef::new(task)) };
    PUBLISHED.update_sleeper(&KERNEL, &task, &guard);
}

/// Patches a module that is being loaded: after ftrace has its sites, before its init runs.
///
/// # Safety
///
/// `module` is being loaded.
#[no_mangle]
unsafe extern "C" fn klp_module_coming(module: *mut module) -> c_int {
    let turn = Turn::begin();
    if turn.is_c_core() {
        // SAFETY: the caller's promise.
        return unsafe { turn.module_coming(module) };
    }
    // SAFETY: the caller's promise.
    if unsafe { !bindings::klp_is_coming(module) } {
        return EINVAL.to_c();
    }
    let Some(handle) = NonNull::new(module).map(ModuleRef) else {
        return EINVAL.to_c();
    };
    // SAFETY: the module and its name are valid.
    let name = unsafe { CStr::from_ptr(bindings::klp_module_name(module).cast()) };
    if name == c"vmlinux" {
        KERNEL.error(format_args!("vmlinux.ko: invalid module name"));
        return EINVAL.to_c();
    }
    to_c(locked(|core| {
        // SAFETY: the module is being loaded. The flag tells later patches to patch it.
        unsafe { bindings::klp_module_set_alive(module, true) };
        let result = core.module_coming(handle, name);
        if result.is_err() {
            // SAFETY: the module is being loaded.
            unsafe { bindings::klp_module_set_alive(module, false) };
        }
        result
    }))
}

/// Reverts the patches of a module that is being unloaded: after its exit, before ftrace forgets it.
///
/// # Safety
///
/// `module` is being unloaded.
#[no_mangle]
unsafe extern "C" fn klp_module_going(module: *mut module) {
    let turn = Turn::begin();
    if turn.is_c_core() {
        // SAFETY: the caller's promise.
        return unsafe { turn.module_going(module) };
    }
    // SAFETY: the caller's promise.
    if unsafe { !bindings::klp_is_going(module) } {
        return;
    }
    let Some(handle) = NonNull::new(module).map(ModuleRef) else {
        return;
    };
    // SAFETY: the module and its name are valid.
    let name = unsafe { CStr::from_ptr(bindings::klp_module_name(module).cast()) };
    locked(|core| {
        // SAFETY: the module is not freed yet.
        unsafe { bindings::klp_module_set_alive(module, false) };
        core.module_going(handle, name);
    });
}

/// Writes a line for each task that has not switched. Takes no lock of the core, so it does not delay the
/// transition.
///
/// # Safety
///
/// `m` is being written to by the caller.
#[no_mangle]
unsafe extern "C" fn klp_core_blockers(m: *mut seq_file) {
    KERNEL.visit_tasks(|task| {
        if !KERNEL.is_pending(task) {
            return;
        }
        KERNEL.with_stack(task, |stack: Stack<'_>| {
            // SAFETY: `with_stack` calls this with preemption off.
            let guard = unsafe { NoPreempt::new() };
            let Some(check) = PUBLISHED.stack_check.get(&guard) else {
                return;
            };
            let (why, name) = blocker(check, &stack, KERNEL.thread_function(task));
            // SAFETY: the caller writes to `m`; task and name are valid during the call.
            unsafe { bindings::klp_blocker_line(m, task.0.as_ptr(), why, name.as_ptr().cast()) };
        });
    });
}

/// Writes a line for each function that the patch redirects.
///
/// # Safety
///
/// `m` is being written to by the caller.
#[no_mangle]
unsafe extern "C" fn klp_core_redirects(m: *mut seq_file, patch: *mut bindings::klp_patch) {
    let Some(patch) = NonNull::new(patch).map(PatchRef) else {
        return;
    };
    locked(|core| {
        let objects = core
            .state
            .get(patch)
            .into_iter()
            .flat_map(|patch| patch.objects.iter());
        for object in objects {
            let name = object.name.as_ref().map_or(c"vmlinux", Name::as_c_str);
            for func in object.funcs.iter().filter(|func| func.patched) {
                let via = match core.redirect_via(func) {
                    RedirectVia::Jump => c"jump",
                    RedirectVia::Handler => c"handler",
                    RedirectVia::Shadowed => c"covered",
                };
                // SAFETY: the caller writes to `m`; the names are valid during the call.
                unsafe {
                    bindings::klp_redirect_line(
                        m,
                        name.as_ptr().cast(),
                        func.name.as_c_str().as_ptr().cast(),
                        func.sympos.max(1) as c_ulong,
                        via.as_ptr().cast(),
                    );
                }
            }
        }
    });
}

fn blocker<'a>(
    check: &'a StackCheck,
    stack: &Stack<'_>,
    thread_function: Option<usize>,
) -> (c_int, &'a CStr) {
    match check.judge(stack, thread_function) {
        Ok(()) => (0, c""),
        Err(why) => (
            super::log::blocker_to_c(why),
            check.name(why).map_or(c"", Name::as_c_str),
        ),
    }
}
