// SPDX-License-Identifier: GPL-2.0-only

//! Tasks, their patch states and their stacks.

use super::{bindings, data, Kernel, TaskRef};
use crate::errno::EBUSY;
use crate::platform::{Stack, Tasks};
use crate::types::PatchState;
use ::kernel::bindings::task_struct;
use ::kernel::ffi::{c_int, c_ulong, c_void};
use core::ptr::NonNull;
use core::time::Duration;

impl TaskRef {
    /// # Safety
    ///
    /// `task` is a task that is not freed while the reference is used.
    pub(super) unsafe fn new(task: *mut task_struct) -> Self {
        // SAFETY: the caller promises a task, so it is not null.
        Self(unsafe { NonNull::new_unchecked(task) })
    }
}

/// Calls the closure at `data` with a task.
///
/// # Safety
///
/// `data` is from [`data`] for an `F` without another user, and the task is not freed.
unsafe extern "C" fn found<F: FnMut(&TaskRef)>(task: *mut task_struct, data: *mut c_void) {
    // SAFETY: the caller's promise.
    let each = unsafe { &mut *data.cast::<F>() };
    // SAFETY: the caller's promise.
    each(&unsafe { TaskRef::new(task) });
}

impl Tasks for Kernel {
    fn for_each_task<F: FnMut(&TaskRef)>(&self, mut each: F) {
        // SAFETY: the closure outlives the iteration, in which the task list is locked.
        unsafe { bindings::klp_each_task(Some(found::<F>), data(&mut each)) };
    }

    fn visit_tasks<F: FnMut(&TaskRef)>(&self, mut each: F) {
        // SAFETY: the closure outlives the iteration, in which RCU keeps tasks.
        unsafe { bindings::klp_visit_tasks(Some(found::<F>), data(&mut each)) };
    }

    fn record_exits(&self) {
        // SAFETY: it sleeps, and so may the core under its mutex.
        unsafe { bindings::klp_record_exits() };
    }

    fn wait_for_unrecorded_exits(&self) {
        // SAFETY: as above.
        unsafe { bindings::klp_wait_for_unrecorded_exits() };
    }

    fn for_each_idle_task<F: FnMut(&TaskRef, Option<u32>)>(&self, mut each: F) {
        unsafe extern "C" fn found<F: FnMut(&TaskRef, Option<u32>)>(
            task: *mut task_struct,
            cpu: c_int,
            data: *mut c_void,
        ) {
            // SAFETY: `for_each_idle_task` passes its closure, and waits for the iteration's end.
            let each = unsafe { &mut *data.cast::<F>() };
            // SAFETY: idle tasks are never freed.
            each(&unsafe { TaskRef::new(task) }, u32::try_from(cpu).ok());
        }
        // SAFETY: the closure outlives the iteration.
        unsafe { bindings::klp_each_idle(Some(found::<F>), data(&mut each)) };
    }

    fn state(&self, task: &TaskRef) -> PatchState {
        // SAFETY: the task is not freed.
        PatchState::from_c(unsafe { bindings::klp_task_state(task.0.as_ptr()) })
    }

    fn set_state(&self, task: &TaskRef, state: PatchState) {
        // SAFETY: the task is not freed.
        unsafe { bindings::klp_task_set_state(task.0.as_ptr(), state.to_c()) };
    }

    fn show_target(&self, target: PatchState) {
        // SAFETY: it only stores the number.
        unsafe { bindings::klp_show_target_state(target.to_c()) };
    }

    fn is_pending(&self, task: &TaskRef) -> bool {
        // SAFETY: the task is not freed.
        unsafe { bindings::klp_task_is_pending(task.0.as_ptr()) }
    }

    fn set_pending(&self, task: &TaskRef) {
        // SAFETY: the task is not freed.
        unsafe { bindings::klp_task_set_pending(task.0.as_ptr()) };
    }

    fn clear_pending(&self, task: &TaskRef) -> bool {
        // SAFETY: the task is not freed.
        unsafe { bindings::klp_task_clear_pending(task.0.as_ptr()) }
    }

    fn with_stack<F: FnMut(Stack<'_>)>(&self, task: &TaskRef, mut look: F) {
        unsafe extern "C" fn found<F: FnMut(Stack<'_>)>(
            count: c_int,
            entries: *const c_ulong,
            data: *mut c_void,
        ) {
            // SAFETY: `with_stack` passes its closure, and waits for the call's end.
            let look = unsafe { &mut *data.cast::<F>() };
            match usize::try_from(count) {
                // SAFETY: there are that many entries, which do not change during the call.
                Ok(count) => look(Stack::Known(unsafe {
                    core::slice::from_raw_parts(entries, count)
                })),
                Err(_) if count == EBUSY.to_c() => look(Stack::Running),
                Err(_) => look(Stack::Unreliable),
            }
        }
        // SAFETY: the task is not freed; the closure outlives the call, and does not sleep.
        unsafe { bindings::klp_task_stack(task.0.as_ptr(), Some(found::<F>), data(&mut look)) };
    }

    fn thread_function(&self, task: &TaskRef) -> Option<usize> {
        // SAFETY: the task is not freed.
        let function = unsafe { bindings::klp_task_thread_function(task.0.as_ptr()) };
        (function != 0).then_some(function)
    }

    fn kick(&self, task: &TaskRef) {
        // SAFETY: the task is not freed.
        unsafe { bindings::klp_task_kick(task.0.as_ptr()) };
    }

    fn signal(&self, task: &TaskRef) {
        // SAFETY: the task is not freed.
        unsafe { bindings::klp_task_signal(task.0.as_ptr()) };
    }

    fn signal_delay(&self) -> Duration {
        // SAFETY: it only reads a parameter.
        Duration::from_millis(u64::from(unsafe { bindings::klp_signal_after() }))
    }

    fn deadline(&self) -> Option<Duration> {
        // SAFETY: it only reads a parameter.
        match unsafe { bindings::klp_deadline() } {
            0 => None,
            limit => Some(Duration::from_millis(u64::from(limit))),
        }
    }

    fn wake_idle(&self, cpu: u32) {
        // SAFETY: the CPU is online, and no CPU goes offline while idle tasks are walked.
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
