// SPDX-License-Identifier: GPL-2.0-only

//! The core's static state: what its mutex guards, and what is read without it.

use super::{bindings, Kernel};
use crate::context::Core;
use crate::model::Patches;
use crate::published::Published;
use crate::snapshot::{Locked, Writer};
use core::cell::UnsafeCell;

pub(super) static KERNEL: Kernel = Kernel;

/// What is read without the mutex.
pub(super) static PUBLISHED: Published = Published::new();

/// What the mutex guards.
struct State(UnsafeCell<Patches<Kernel>>);

// SAFETY: only `locked` uses it, under the mutex.
unsafe impl Sync for State {}

// SAFETY: these are the only writers for `PUBLISHED`.
static STATE: State = State(UnsafeCell::new(unsafe {
    Patches::new(Writer::new(), Writer::new())
}));

/// Calls `use_it` with the core's mutex held.
pub(super) fn locked<R>(use_it: impl FnOnce(&mut Core<'_, Kernel>) -> R) -> R {
    // SAFETY: released below.
    unsafe { bindings::klp_lock() };
    // SAFETY: the mutex is held, so this is the only reference to the state, whose writers are those of `PUBLISHED`.
    let mut core = unsafe {
        let state = &mut *STATE.0.get();
        Core::new(Locked::new(), &KERNEL, &PUBLISHED, state)
    };
    let result = use_it(&mut core);
    // SAFETY: taken above.
    unsafe { bindings::klp_unlock() };
    result
}
