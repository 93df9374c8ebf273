// SPDX-License-Identifier: GPL-2.0-only

//! The kernel as the platform: what the logic asks for, from the kernel's C interfaces.
//!
//! All that the core takes from the kernel stands in `kernel/klp_glue.h` and in the list of
//! `kernel/klp_bindgen_parameters`; [`bindings`] is what bindgen makes of the two. [`entry`] is the
//! other direction: the functions of the core that the kernel and C modules call.

mod declared;
mod entry;
mod relocations;
mod shadow;

use super::snapshot::GracePeriod;
use super::{Callbacks, Debug, Handles, Log, Modules, Stack, Symbols, Sysfs, Tasks, Tracing, Work};
use crate::errno::{check, Result, EINVAL, ENOMEM};
use crate::name::Name;
use crate::transition::{Blocker, Direction, PatchState};
use ::kernel::ffi::{c_char, c_int, c_ulong, c_void};
use core::ffi::CStr;
use core::fmt;
use core::ops::ControlFlow;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, Ordering};

/// C declarations.
#[allow(
    clippy::all,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]
pub mod bindings {
    pub use ::kernel::bindings::*;
    use ::kernel::ffi;

    include!(env!("KLP_BINDINGS"));
}

/// The kernel.
#[derive(Debug)]
pub struct Kernel;

/// A `struct klp_patch` of a module that the core holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PatchRef(NonNull<bindings::klp_patch>);

/// A `struct klp_object` of such a module, or of the core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ObjectRef(NonNull<bindings::klp_object>);

/// A `struct klp_func` of such a module, or of the core.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FuncRef(NonNull<bindings::klp_func>);

/// A `struct module`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ModuleRef(NonNull<::kernel::bindings::module>);

/// A `struct task_struct` that does not go away while it is looked at.
#[derive(Debug)]
pub struct TaskRef(NonNull<::kernel::bindings::task_struct>);

impl Handles for Kernel {
    type Patch = PatchRef;
    type Object = ObjectRef;
    type Func = FuncRef;
    type Module = ModuleRef;
    type Task = TaskRef;
}

// SAFETY: these are names of things that have locks of their own; the core uses them under its
// mutex.
unsafe impl Send for PatchRef {}
// SAFETY: as above.
unsafe impl Send for ObjectRef {}
// SAFETY: as above.
unsafe impl Send for FuncRef {}
// SAFETY: as above.
unsafe impl Send for ModuleRef {}

impl PatchRef {
    fn module(self) -> ModuleRef {
        // SAFETY: a patch of the core has a module, which its declaration was checked for.
        ModuleRef(unsafe { NonNull::new_unchecked((*self.0.as_ptr()).mod_) })
    }
}

/// Calls a closure from C: what C passes on as `data` is `&mut &mut dyn FnMut`, which is as large as a
/// pointer can point to.
fn data<T>(closure: &mut T) -> *mut c_void {
    ptr::from_mut(closure).cast()
}

impl Log for Kernel {
    fn notice(&self, line: fmt::Arguments<'_>) {
        ::kernel::pr_notice!("{}\n", line);
    }

    fn warn(&self, line: fmt::Arguments<'_>) {
        ::kernel::pr_warn!("{}\n", line);
    }

    fn error(&self, line: fmt::Arguments<'_>) {
        ::kernel::pr_err!("{}\n", line);
    }

    fn debug(&self, line: Debug<'_>) {
        let is_patching = |direction| direction == Direction::Patching;
        // SAFETY: names are C strings that last as long as the calls.
        unsafe {
            match line {
                Debug::Initializing(patch, direction) => bindings::klp_debug_initializing(
                    patch.as_c_str().as_ptr().cast(),
                    is_patching(direction),
                ),
                Debug::Canceling(patch) => {
                    bindings::klp_debug_canceling(patch.as_c_str().as_ptr().cast());
                }
                Debug::Completing(patch, direction) => bindings::klp_debug_completing(
                    patch.as_c_str().as_ptr().cast(),
                    is_patching(direction),
                ),
                Debug::Reversing(patch, direction) => bindings::klp_debug_reversing(
                    patch.as_c_str().as_ptr().cast(),
                    is_patching(direction),
                ),
            }
        }
    }

    fn blocked(&self, task: &TaskRef, why: Blocker, function: Option<&Name>) {
        let function = function.map_or(c"", Name::as_c_str);
        // SAFETY: the task is there, and the name lasts as long as the call.
        unsafe {
            bindings::klp_try_switch_task(
                task.0.as_ptr(),
                blocker_to_c(why),
                function.as_ptr().cast(),
            );
        }
    }

    #[cold]
    #[inline(never)]
    fn bug(&self, what: &'static CStr) {
        // SAFETY: the text lasts.
        unsafe { bindings::klp_bug(what.as_ptr().cast()) };
    }
}

/// As the C core's log lines tell them apart.
fn blocker_to_c(why: Blocker) -> c_int {
    const EADDRINUSE: c_int = 98;
    match why {
        Blocker::Running => crate::errno::EBUSY.to_c(),
        Blocker::UnreliableStack => EINVAL.to_c(),
        Blocker::Sleeping(_) => -EADDRINUSE,
    }
}

/// What kallsyms' walks are told by whoever they call.
fn walk(flow: ControlFlow<()>) -> c_int {
    c_int::from(flow.is_break())
}

impl Symbols for Kernel {
    fn in_vmlinux(&self, name: &CStr, mut each: &mut dyn FnMut(usize) -> ControlFlow<()>) {
        unsafe extern "C" fn found(data: *mut c_void, address: c_ulong) -> c_int {
            // SAFETY: this is what `in_vmlinux` passes, and it waits for the walk's end.
            let each = unsafe { &mut *data.cast::<&mut dyn FnMut(usize) -> ControlFlow<()>>() };
            walk(each(address))
        }
        // SAFETY: name and closure last as long as the walk.
        unsafe {
            bindings::kallsyms_on_each_match_symbol(
                Some(found),
                name.as_ptr().cast(),
                data(&mut each),
            );
        }
    }

    fn in_module(&self, module: &CStr, mut each: &mut dyn FnMut(&CStr, usize) -> ControlFlow<()>) {
        unsafe extern "C" fn found(
            data: *mut c_void,
            name: *const c_char,
            address: c_ulong,
        ) -> c_int {
            // SAFETY: this is what `in_module` passes, and it waits for the walk's end.
            let each =
                unsafe { &mut *data.cast::<&mut dyn FnMut(&CStr, usize) -> ControlFlow<()>>() };
            // SAFETY: symbols have names.
            walk(each(unsafe { CStr::from_ptr(name.cast()) }, address))
        }
        // SAFETY: name and closure last as long as the walk.
        unsafe {
            bindings::module_kallsyms_on_each_symbol(
                module.as_ptr().cast(),
                Some(found),
                data(&mut each),
            );
        }
    }

    fn size(&self, address: usize) -> Option<usize> {
        let (mut size, mut offset) = (0, 0);
        // SAFETY: it writes to the two.
        let found =
            unsafe { bindings::kallsyms_lookup_size_offset(address, &mut size, &mut offset) };
        (found != 0).then_some(size)
    }

    fn name(&self, address: usize, each: &mut dyn FnMut(&CStr)) {
        // `KSYM_NAME_LEN`, which the function wants to be there.
        let mut name = [0u8; 512];
        // SAFETY: it writes a string of at most that length.
        let err = unsafe { bindings::lookup_symbol_name(address, name.as_mut_ptr().cast()) };
        if err == 0 {
            if let Ok(name) = CStr::from_bytes_until_nul(&name) {
                each(name);
            }
        }
    }
}

impl Tracing for Kernel {
    fn site(&self, function: usize) -> Option<usize> {
        // SAFETY: it looks the address up.
        let site = unsafe { bindings::ftrace_location(function) };
        (site != 0).then_some(site)
    }

    fn attach(&self, sites: &[usize]) -> Result {
        let count = u32::try_from(sites.len()).map_err(|_| EINVAL)?;
        // SAFETY: it reads that many; the core's mutex is held.
        check(unsafe { bindings::klp_attach(sites.as_ptr().cast_mut(), count) }).map(drop)
    }

    fn detach(&self, sites: &[usize]) {
        // There are no more than were attached.
        let count = u32::try_from(sites.len()).unwrap_or(u32::MAX);
        // SAFETY: as above.
        unsafe { bindings::klp_detach(sites.as_ptr().cast_mut(), count) };
    }
}

impl TaskRef {
    /// # Safety
    ///
    /// The task does not go away while the reference is used.
    unsafe fn new(task: *mut ::kernel::bindings::task_struct) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { NonNull::new_unchecked(task) })
    }
}

impl Tasks for Kernel {
    fn each(&self, mut each: &mut dyn FnMut(&TaskRef)) {
        unsafe extern "C" fn found(task: *mut ::kernel::bindings::task_struct, data: *mut c_void) {
            // SAFETY: this is what `each` passes, and it waits for the walk's end.
            let each = unsafe { &mut *data.cast::<&mut dyn FnMut(&TaskRef)>() };
            // SAFETY: the task list is locked.
            each(&unsafe { TaskRef::new(task) });
        }
        // SAFETY: the closure lasts as long as the walk.
        unsafe { bindings::klp_each_task(Some(found), data(&mut each)) };
    }

    fn each_idle(&self, mut each: &mut dyn FnMut(&TaskRef, Option<u32>)) {
        unsafe extern "C" fn found(
            task: *mut ::kernel::bindings::task_struct,
            cpu: c_int,
            data: *mut c_void,
        ) {
            // SAFETY: this is what `each_idle` passes, and it waits for the walk's end.
            let each = unsafe { &mut *data.cast::<&mut dyn FnMut(&TaskRef, Option<u32>)>() };
            // SAFETY: idle tasks stay.
            each(&unsafe { TaskRef::new(task) }, u32::try_from(cpu).ok());
        }
        // SAFETY: the closure lasts as long as the walk.
        unsafe { bindings::klp_each_idle(Some(found), data(&mut each)) };
    }

    fn state(&self, task: &TaskRef) -> PatchState {
        // SAFETY: the task is there.
        PatchState::from_c(unsafe { bindings::klp_task_state(task.0.as_ptr()) })
    }

    fn set_state(&self, task: &TaskRef, state: PatchState) {
        // SAFETY: the task is there.
        unsafe { bindings::klp_task_set_state(task.0.as_ptr(), state.to_c()) };
    }

    fn is_pending(&self, task: &TaskRef) -> bool {
        // SAFETY: the task is there.
        unsafe { bindings::klp_task_is_pending(task.0.as_ptr()) }
    }

    fn set_pending(&self, task: &TaskRef) {
        // SAFETY: the task is there.
        unsafe { bindings::klp_task_set_pending(task.0.as_ptr()) };
    }

    fn clear_pending(&self, task: &TaskRef) -> bool {
        // SAFETY: the task is there.
        unsafe { bindings::klp_task_clear_pending(task.0.as_ptr()) }
    }

    fn with_stack(&self, task: &TaskRef, mut look: &mut dyn FnMut(Stack<'_>)) {
        unsafe extern "C" fn found(count: c_int, entries: *const c_ulong, data: *mut c_void) {
            // SAFETY: this is what `with_stack` passes, and it waits for the call's end.
            let look = unsafe { &mut *data.cast::<&mut dyn FnMut(Stack<'_>)>() };
            match usize::try_from(count) {
                // SAFETY: there are that many.
                Ok(count) => look(Stack::Known(unsafe {
                    core::slice::from_raw_parts(entries, count)
                })),
                Err(_) if count == crate::errno::EBUSY.to_c() => look(Stack::Running),
                Err(_) => look(Stack::Unreliable),
            }
        }
        // SAFETY: the task is there, the closure lasts as long as the call, and does not sleep.
        unsafe { bindings::klp_task_stack(task.0.as_ptr(), Some(found), data(&mut look)) };
    }

    fn nudge(&self, task: &TaskRef) {
        // SAFETY: the task is there.
        unsafe { bindings::klp_task_nudge(task.0.as_ptr()) };
    }

    fn nudge_idle(&self, cpu: u32) {
        // SAFETY: the CPU is online, and CPUs stay as they are while idle tasks are walked.
        unsafe { bindings::wake_up_if_idle(cpu as c_int) };
    }

    fn watch_scheduler(&self, on: bool) {
        // SAFETY: it sleeps, and so may the core under its mutex.
        unsafe { bindings::klp_watch_scheduler(on) };
    }

    fn has_reliable_stacks(&self) -> bool {
        cfg!(CONFIG_STACKTRACE) && cfg!(CONFIG_HAVE_RELIABLE_STACKTRACE)
    }
}

impl Modules for Kernel {
    const NAME_LEN: usize = size_of_name();

    fn find(&self, name: &CStr) -> Option<ModuleRef> {
        // SAFETY: it looks the name up.
        NonNull::new(unsafe { bindings::klp_find_module(name.as_ptr().cast()) }).map(ModuleRef)
    }

    fn get(&self, patch: PatchRef) -> bool {
        // SAFETY: the patch's module is there: its init asks.
        unsafe { bindings::klp_get_module(patch.module().0.as_ptr()) }
    }

    fn text(&self, patch: PatchRef) -> (usize, usize) {
        let (mut start, mut size) = (0, 0);
        // SAFETY: the core holds the patch's module.
        unsafe { bindings::klp_module_text(patch.module().0.as_ptr(), &mut start, &mut size) };
        (start, size)
    }

    fn relocate(&self, patch: PatchRef, object: &CStr) -> Result {
        relocations::write_all(self, patch, object, true)
    }

    fn clear_relocations(&self, patch: PatchRef, object: &CStr) {
        // Taking back fails only where writing would have.
        let _ = relocations::write_all(self, patch, object, false);
    }
}

/// `MODULE_NAME_LEN`: the name is an array of that length.
const fn size_of_name() -> usize {
    const fn len<T, const N: usize>(_: *const [T; N]) -> usize {
        N
    }
    let module = core::mem::MaybeUninit::<::kernel::bindings::module>::uninit();
    // SAFETY: only the address is computed.
    len(unsafe { &raw const (*module.as_ptr()).name })
}

impl ObjectRef {
    fn callbacks(self) -> *mut bindings::klp_callbacks {
        // SAFETY: the object is there; only the address is computed.
        unsafe { &raw mut (*self.0.as_ptr()).callbacks }
    }
}

impl Callbacks for Kernel {
    fn has_pre_patch(&self, object: ObjectRef) -> bool {
        // SAFETY: the object is there, and its callbacks do not change.
        unsafe { (*object.callbacks()).pre_patch.is_some() }
    }

    fn pre_patch(&self, object: ObjectRef) -> Result {
        // SAFETY: as above; the callback is the patch's, of that prototype.
        unsafe {
            match (*object.callbacks()).pre_patch {
                Some(callback) => match callback(object.0.as_ptr()) {
                    0 => Ok(()),
                    // Whatever is not zero refuses.
                    err => Err(crate::errno::Errno::from_c(err).unwrap_or(EINVAL)),
                },
                None => Ok(()),
            }
        }
    }

    fn post_patch(&self, object: ObjectRef) {
        // SAFETY: as above.
        unsafe {
            if let Some(callback) = (*object.callbacks()).post_patch {
                callback(object.0.as_ptr());
            }
        }
    }

    fn pre_unpatch(&self, object: ObjectRef) {
        // SAFETY: as above.
        unsafe {
            if let Some(callback) = (*object.callbacks()).pre_unpatch {
                callback(object.0.as_ptr());
            }
        }
    }

    fn post_unpatch(&self, object: ObjectRef) {
        // SAFETY: as above.
        unsafe {
            if let Some(callback) = (*object.callbacks()).post_unpatch {
                callback(object.0.as_ptr());
            }
        }
    }
}

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

    fn roster_add(&self, patch: PatchRef) {
        // SAFETY: the patch is not on the list, and stays until it is taken off.
        unsafe { bindings::klp_roster_add(patch.0.as_ptr()) };
    }

    fn roster_remove(&self, patch: PatchRef) {
        // SAFETY: the patch is on the list, or its place for the list was initialized.
        unsafe { bindings::klp_roster_remove(patch.0.as_ptr()) };
    }

    fn roster_transition(&self, patch: Option<PatchRef>) {
        let patch = patch.map_or(ptr::null_mut(), |patch| patch.0.as_ptr());
        // SAFETY: the patch is on the list for as long as it is in transition.
        unsafe { bindings::klp_roster_set_transition(patch) };
    }
}

impl Work for Kernel {
    fn wait_for_cpus(&self) -> GracePeriod {
        // SAFETY: it sleeps, and so may the core under its mutex. Work ran on every CPU since, so
        // preemption was on there.
        unsafe {
            bindings::klp_wait_for_cpus();
            GracePeriod::elapsed()
        }
    }

    fn retry_in(&self, ticks: u64) {
        // SAFETY: the work is always there.
        unsafe { bindings::klp_retry_in(ticks as c_ulong) };
    }

    fn ticks_per_second(&self) -> u64 {
        // SAFETY: it returns a constant.
        unsafe { bindings::klp_ticks_per_second() as u64 }
    }

    fn release_later(&self, patch: PatchRef, keep: bool) {
        // SAFETY: the patch is not used after this.
        unsafe { bindings::klp_release_later(patch.0.as_ptr(), keep) };
    }
}
