// SPDX-License-Identifier: GPL-2.0-only

//! Logging. C functions of known names print the lines that dynamic debug turns on
//! (`kernel/klp_log.c`).

use super::{bindings, Kernel, TaskRef};
use crate::errno::{EBUSY, EINVAL};
use crate::name::Name;
use crate::platform::{Log, TransitionEvent};
use crate::types::{Blocker, Direction};
use ::kernel::ffi::c_int;
use core::ffi::CStr;
use core::fmt;

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

    fn debug(&self, event: TransitionEvent<'_>) {
        let is_patching = |direction| direction == Direction::Patching;
        // SAFETY: the names are C strings that are valid during the calls.
        unsafe {
            match event {
                TransitionEvent::Initializing(patch, direction) => {
                    bindings::klp_debug_initializing(
                        patch.as_c_str().as_ptr().cast(),
                        is_patching(direction),
                    )
                }
                TransitionEvent::Canceling(patch) => {
                    bindings::klp_debug_canceling(patch.as_c_str().as_ptr().cast());
                }
                TransitionEvent::Completing(patch, direction) => bindings::klp_debug_completing(
                    patch.as_c_str().as_ptr().cast(),
                    is_patching(direction),
                ),
                TransitionEvent::Reversing(patch, direction) => bindings::klp_debug_reversing(
                    patch.as_c_str().as_ptr().cast(),
                    is_patching(direction),
                ),
            }
        }
    }

    fn blocked(&self, task: &TaskRef, why: Blocker, function: Option<&Name>) {
        let function = function.map_or(c"", Name::as_c_str);
        // SAFETY: the task and the name are valid during the call.
        unsafe {
            bindings::klp_try_switch_task(
                task.0.as_ptr(),
                blocker_to_c(why),
                function.as_ptr().cast(),
            );
        }
    }

    fn held_up(&self, task: &TaskRef, why: Blocker, function: Option<&Name>) {
        let function = function.map_or(c"", Name::as_c_str);
        // SAFETY: the task and the name are valid during the call.
        unsafe {
            bindings::klp_report_blocker(
                task.0.as_ptr(),
                blocker_to_c(why),
                function.as_ptr().cast(),
            );
        }
    }

    #[cold]
    #[inline(never)]
    fn bug(&self, what: &'static CStr) {
        // SAFETY: the text is static.
        unsafe { bindings::klp_bug(what.as_ptr().cast()) };
    }
}

/// The error numbers by which the C core's log lines distinguish blockers.
pub(super) fn blocker_to_c(why: Blocker) -> c_int {
    const EADDRINUSE: c_int = 98;
    match why {
        Blocker::Running => EBUSY.to_c(),
        Blocker::UnreliableStack => EINVAL.to_c(),
        Blocker::InFunction(_) | Blocker::InReleasedText => -EADDRINUSE,
    }
}
